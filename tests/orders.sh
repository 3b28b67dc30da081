#!/usr/bin/env bash
# The main job, as a user does it by hand: the 1,000 order events of `fanfare demo` go in through grpcurl's standard input, and two
# subscriptions take and settle all of it, `shipping` in the order of each customer's events. In the middle of `billing`
# the broker is killed.
#
#   tests/orders.sh [DIRECTORY]        a new directory, by default one below /tmp, which is removed
#
# FANFARE_BIN and GRPCURL say which programs; by default those on the PATH.
set -euo pipefail
tests="$(cd "$(dirname "$0")" && pwd)"
fanfare="${FANFARE_BIN:-fanfare}"
grpcurl="${GRPCURL:-grpcurl}"
# The broker refuses to start with a variable that is none of its settings.
unset FANFARE_BIN FANFARE_LONG FANFARE_SEED

directory="${1:-$(mktemp -d)}"
keep="${1:+yes}"
cd "$directory"
broker=
finish() {
    [ -z "$broker" ] || { kill "$broker" && wait "$broker"; } 2> /dev/null || true
    [ "$keep" ] || rm -rf "$directory"
}
trap finish EXIT

# Starts the broker on free ports and waits until it is ready.
serve() {
    mkfifo log
    "$fanfare" serve --data-dir data --listen 127.0.0.1:0 --http-listen 127.0.0.1:0 2> log &
    broker=$!
    exec 3< log
    rm log
    address=
    while read -r line <&3; do
        case "$line" in
            *'"fanfare is listening"'*) address="$(sed 's/.*"grpc":"\([^"]*\)".*/\1/' <<< "$line")" ;;
            *'"state":"Ready"'*) break ;;
            *'"level":"ERROR"'*) echo "$line" >&2 ;;
        esac
    done
    [ "$address" ] || { echo "the broker did not start" >&2; exit 1; }
    cat <&3 >> all.log &
}

# call METHOD: the request comes from standard input.
call() { "$grpcurl" -plaintext -d @ "$address" "fanfare.v1.$1"; }

# take SUBSCRIPTION MESSAGES: pulls so many at most, writes them down and acknowledges them; fails when there are no more.
take() {
    call SubscriberService/Pull <<< '{"subscription": "'"$1"'", "maxMessages": '"$2"'}' > pulled
    local ack_ids
    ack_ids="$(sed -n 's/.*"ackId": \("[^"]*"\).*/\1/p' pulled | paste -sd,)"
    [ -n "$ack_ids" ] || return 1
    call SubscriberService/Acknowledge <<< '{"subscription": "'"$1"'", "ackIds": ['"$ack_ids"']}' > acked
    [ "$(grep -c LEASE_OUTCOME_OK acked)" = "$(grep -c '"ackId"' pulled)" ]
    cat pulled >> "$1.taken"
}

# values KEY: of JSON on standard input.
values() { sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p'; }

serve
call TopicService/CreateTopic <<< '{"name": "orders"}' > /dev/null
call SubscriptionService/CreateSubscription <<< '{"name": "billing", "topic": "orders"}' > /dev/null
call SubscriptionService/CreateSubscription <<< '{"name": "shipping", "topic": "orders", "settings": {"ordered": true}}' > /dev/null

python3 -B "$tests/data/requests.py" orders < "$tests/../crates/cli/data/orders.jsonl" > requests.jsonl
call PublisherService/PublishStream < requests.jsonl > published
echo "published $(values messageId < published | sort -u | wc -l)"

for _ in 1 2 3 4; do take billing 100; done
call SubscriberService/Pull <<< '{"subscription": "billing"}' > /dev/null     # these are held when it dies
# The shell itself says that a program of it was killed; here that is no news.
{ kill -9 "$broker" && wait "$broker"; } 2> /dev/null || true
serve
while take billing 1000; do :; done
while take shipping 1000; do :; done

for subscription in billing shipping; do
    taken="$(values messageId < "$subscription.taken" | wc -l)"
    different="$(values messageId < "$subscription.taken" | sort -u | wc -l)"
    echo "$subscription took $taken, different ones $different"
done
values messageId < published | sort > expected
for subscription in billing shipping; do
    values messageId < "$subscription.taken" | sort | cmp - expected
done

# Message IDs sort in the order of publication; so each customer's must come in that order.
paste -d ' ' <(values orderingKey < shipping.taken) <(values messageId < shipping.taken) > customers
sort --stable --key 1,1 customers | LC_ALL=C sort --check --key 1,1 --key 2,2
echo "each customer's events came in order: $(cut -d ' ' -f 1 customers | sort -u | wc -l) customers"

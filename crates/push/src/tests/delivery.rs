use std::collections::BTreeMap;

use types::push::{AttemptClass, AttemptVerdict, DisabledReason};

use super::support::{BYTES, Reply, Running, millis, pass, reply, seconds, until};
use crate::{
    EndpointChange, Failure, Response,
    endpoint::{End, Share},
};

#[tokio::test(start_paused = true)]
async fn messages_are_delivered_and_settled_and_nothing_stays_in_hand() {
    let running = Running::start(|_| {}, |_, _| reply(200, 10));
    running.queue.publish(500);
    running.settle().await;
    let report = running.report();
    assert_eq!((report.delivered, report.retried, report.in_flight), (500, 0, 0));
    assert_eq!(running.carry.count(), 500);
    assert_eq!(running.bytes.held(), 0);
    assert!(running.queue.log().iter().all(|report| report.verdict == AttemptVerdict::Acknowledge));
    assert_eq!(running.stop(seconds(1)).await, End::Stopped);
}

#[tokio::test(start_paused = true)]
async fn requests_under_way_double_and_stay_within_the_owners_bound() {
    let running = Running::start(|push| push.max_concurrency = 8, |_, _| reply(200, 100));
    running.queue.publish(200);
    let mut most = Vec::new();
    pass(millis(90)).await;
    for _ in 0..6 {
        most.push(running.carry.most_under_way());
        pass(millis(100)).await;
    }
    assert_eq!(most[0], 1);
    assert!(most[1] <= 2 && most[2] <= 4, "{most:?}");
    assert_eq!(*most.last().unwrap(), 8);
    running.settle().await;
    assert!(running.carry.most_under_way() <= 8);
}

#[tokio::test(start_paused = true)]
async fn the_owners_rate_holds_in_every_second() {
    let running = Running::start(|push| push.max_receives_per_second = Some(50.0), |_, _| reply(200, 5));
    running.queue.publish(600);
    running.settle().await;
    let arrivals = running.carry.arrivals();
    let took = arrivals[599].at - arrivals[0].at;
    assert!(took >= seconds(11) && took <= seconds(13), "{took:?}");
    for window in arrivals.windows(57) {
        assert!(window[56].at - window[0].at >= seconds(1), "more than 1.1 times the rate and one");
    }
}

#[tokio::test(start_paused = true)]
async fn reports_go_out_together() {
    let running = Running::start(|push| push.max_concurrency = 200, |_, _| reply(200, 1));
    running.queue.publish(5_000);
    running.settle().await;
    let calls = running.queue.calls();
    assert_eq!(calls.iter().sum::<usize>(), 5_000);
    assert!(calls.len() < 500, "{} calls", calls.len());
}

#[tokio::test(start_paused = true)]
async fn batches_are_as_large_as_the_owner_says_and_each_message_has_its_own_answer() {
    let running = Running::start(
        |push| {
            push.endpoint = "grpcs://endpoint.example:443".into();
            push.max_batch = 10;
        },
        |sequence, attempt| {
            let mut reply = reply(0, 10);
            let again = sequence % 10 == 0 && attempt == 1;
            reply.answer.response = if again { Response::Again } else { Response::Grpc(0) };
            reply
        },
    );
    running.queue.publish(100);
    running.settle().await;
    let report = running.report();
    assert_eq!((report.delivered, report.retried), (100, 10));
    let batches = running.carry.batches();
    assert!(batches.iter().all(|&batch| batch <= 10) && batches.contains(&10), "{batches:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_leased_together_fits_into_one_request_to_a_grpc_server() {
    let running = Running::start(
        |push| {
            push.endpoint = "grpcs://endpoint.example:443".into();
            push.max_batch = 1_000;
        },
        |_, _| reply(0, 10),
    );
    running.queue.publish(2_000);
    running.settle().await;
    assert!(running.carry.batches().contains(&1_000), "{:?}", running.carry.batches());
    // 4 MiB, what tonic, grpc-go, grpc-java and gRPC's core take by default, less what is around 1,000 messages.
    assert!(running.queue.most_bytes_asked() <= (4 << 20) - 1_000 * 200);
}

#[tokio::test(start_paused = true)]
async fn leases_last_longer_than_a_request_may_take() {
    let running = Running::start(|push| push.request_timeout = seconds(60), |_, _| reply(200, 10));
    running.queue.publish(1);
    running.settle().await;
    assert_eq!(running.queue.extended(), [seconds(90)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_of_an_attempt_is_what_happened_and_is_bounded() {
    let running = Running::start(
        |_| {},
        |_, attempt| {
            let mut reply = reply(if attempt == 1 { 500 } else { 200 }, 250);
            reply.answer.body = vec![b'x'; 5_000].into();
            reply.answer.error = "é".repeat(1_000);
            reply
        },
    );
    running.queue.publish(1);
    running.settle().await;
    let log = running.queue.log();
    let attempts: Vec<_> = log.iter().map(|report| report.attempt.clone().unwrap()).collect();
    assert_eq!((attempts[0].number, attempts[1].number), (1, 2));
    assert_eq!((attempts[0].status, attempts[0].class), (Some(500), AttemptClass::Retryable));
    assert_eq!((attempts[1].status, attempts[1].class), (Some(200), AttemptClass::Ok));
    assert!(attempts[0].latency >= millis(250) && attempts[0].latency < millis(260));
    assert_eq!((attempts[0].response.len(), attempts[0].error.len()), (1_024, 1_024));
    assert!(attempts[1].started_at > attempts[0].started_at);
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_key_keep_their_order_through_failures_and_an_outage() {
    let running = Running::start(
        |push| {
            push.request_timeout = seconds(2);
            push.breaker.failures = 4;
        },
        |sequence, attempt| match (sequence % 7, attempt) {
            (0, 1) => reply(503, 20),
            (1, 1..=2) => Reply::refused(),
            (2, 1) => Reply::never(),
            // The breaker opens.
            _ if (60..80).contains(&sequence) && attempt < 4 => Reply::refused(),
            _ => reply(200, 10),
        },
    );
    (0..200).for_each(|n| running.queue.publish_key(n % 5));
    running.settle().await;
    assert!(running.report().breaker_opened > 0);
    let mut last = BTreeMap::new();
    for arrival in running.carry.arrivals() {
        let key = (arrival.sequence - 1) % 5;
        let before = last.insert(key, (arrival.sequence, arrival.attempt));
        assert!(before.is_none_or(|before| before < (arrival.sequence, arrival.attempt)), "{arrival:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_after_the_time_out_is_honoured() {
    let running = Running::start(
        |push| push.request_timeout = seconds(5),
        |_, attempt| if attempt == 1 { reply(200, 7_000) } else { reply(500, 1) },
    );
    running.queue.retry_after(seconds(60));
    running.queue.publish(1);
    running.settle().await;
    let log = running.queue.log();
    let verdicts: Vec<_> = log.iter().map(|report| report.verdict).collect();
    assert_eq!(
        verdicts,
        [AttemptVerdict::Retry { at_least: None }, AttemptVerdict::AcknowledgeLate { failed_attempts: 1 }]
    );
    let late = log[1].attempt.as_ref().unwrap();
    assert_eq!((late.class, late.number), (AttemptClass::OkLate, 1));
    assert!(late.latency >= seconds(7));
    pass(seconds(1)).await;
    let report = running.report();
    assert_eq!((report.delivered, report.late, report.timeouts), (1, 1, 1));
    assert_eq!(running.carry.count(), 1);
    assert_eq!(running.bytes.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_success_after_the_next_attempt_has_begun_is_not_reported() {
    let running = Running::start(
        |push| push.request_timeout = seconds(5),
        |_, attempt| if attempt == 1 { reply(200, 8_000) } else { reply(200, 3_000) },
    );
    running.queue.publish(1);
    until("the second attempt is under way", || running.carry.count() == 2).await;
    pass(millis(10)).await;
    assert_eq!(running.carry.under_way(), 1, "the first is given up");
    running.settle().await;
    let verdicts: Vec<_> = running.queue.log().iter().map(|report| report.verdict).collect();
    assert_eq!(verdicts, [AttemptVerdict::Retry { at_least: None }, AttemptVerdict::Acknowledge]);
    assert_eq!(running.report().late, 0);
}

#[tokio::test(start_paused = true)]
async fn late_requests_are_few_and_not_waited_for_for_ever() {
    let running = Running::start(
        |push| {
            push.request_timeout = seconds(1);
            push.breaker.failures = 10_000;
            push.breaker.failure_ratio = 1.0;
        },
        |sequence, _| if sequence <= 100 { reply(200, 50) } else { Reply::never() },
    );
    running.queue.retry_after(seconds(100));
    running.queue.publish(200);
    until("many have timed out", || running.report().timeouts > 60).await;
    assert!(running.carry.under_way() <= 16 + 64);
    until("all have", || running.report().timeouts == 100).await;
    pass(millis(1_100)).await;
    assert_eq!((running.carry.under_way(), running.bytes.held()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn retries_are_a_small_share_of_what_succeeds_and_some_beside() {
    let running = Running::start(
        |push| push.breaker.failure_ratio = 1.0,
        |sequence, attempt| if sequence % 2 == 0 && attempt == 1 { reply(500, 1) } else { reply(200, 1) },
    );
    running.queue.publish(2_000);
    running.settle().await;
    let arrivals = running.carry.arrivals();
    let began = arrivals[0].at;
    // What has been put off for 5 min goes whatever there is.
    let before = arrivals.iter().take_while(|arrival| arrival.at < began + seconds(300));
    for (index, arrival) in before.enumerate() {
        let retries = arrivals[..=index].iter().filter(|arrival| arrival.attempt > 1).count();
        let bound = index as f64 * 0.1 + (arrival.at - began).as_secs_f64() + 11.0;
        assert!(retries as f64 <= bound, "{retries} retries > {bound}");
    }
    let report = running.report();
    assert_eq!(report.delivered, 2_000);
    assert!(report.postponed > 0);
    assert!(running.queue.log().iter().all(|report| match report.verdict {
        AttemptVerdict::Release { after } => report.attempt.is_none() && after >= seconds(1),
        _ => true,
    }));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_asks_for_a_pause_is_left_alone_for_as_long() {
    let running = Running::start(
        |_| {},
        |sequence, attempt| match (sequence, attempt) {
            (5, 1) => reply(429, 1).retry_after(30),
            _ => reply(200, 1),
        },
    );
    running.queue.publish(4);
    until("they are through", || running.carry.count() == 4).await;
    running.queue.publish(20);
    until("the pause begins", || running.carry.arrivals().iter().any(|arrival| arrival.sequence == 5)).await;
    pass(millis(100)).await;
    let before = running.carry.count();
    assert!(running.report().next_probe_at.is_some());
    pass(millis(29_800)).await;
    assert_eq!(running.carry.count(), before, "nothing at all for 30 s");
    running.settle().await;
    let retry = running.queue.log().into_iter().find(|report| report.ack_id.sequence == 5).unwrap();
    assert_eq!(retry.verdict, AttemptVerdict::Retry { at_least: Some(seconds(30)) });
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_for_messages_that_come_in_it() {
    let running = Running::start(
        |_| {},
        |sequence, attempt| match (sequence, attempt) {
            (11, 1) => reply(503, 100).retry_after(30),
            _ => reply(200, 1),
        },
    );
    running.queue.publish(10);
    running.settle().await;
    running.queue.publish(1);
    // By then it waits for more beside the request that is under way.
    pass(millis(200)).await;
    assert_eq!(running.carry.count(), 11);
    running.queue.publish(10);
    pass(millis(29_500)).await;
    assert_eq!((running.carry.count(), running.queue.leased()), (11, 0));
    running.settle().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_gone_is_disabled_and_keeps_its_messages() {
    let running =
        Running::start(|_| {}, |sequence, _| if sequence == 5 { reply(410, 5) } else { reply(200, 10) });
    running.backend.refuse_changes(3);
    running.queue.publish(50);
    let (queue, backend) = (running.queue.clone(), running.backend.clone());
    assert_eq!(running.end().await, End::Told);
    let [(_, change)] = backend.changes()[..] else { panic!("{:?}", backend.changes()) };
    assert_eq!(change, EndpointChange::Disabled(DisabledReason::Gone));
    let log = queue.log();
    let gone = log.iter().find(|report| report.ack_id.sequence == 5).unwrap();
    assert!(matches!(gone.verdict, AttemptVerdict::Release { .. }));
    assert_eq!(gone.attempt.as_ref().unwrap().class, AttemptClass::Gone);
    assert_eq!(queue.leased(), 0);
    assert!(queue.open() > 30);
}

#[tokio::test(start_paused = true)]
async fn messages_that_the_endpoint_will_never_take_are_rejected_and_the_others_go_on() {
    let running = Running::start(
        |_| {},
        |sequence, _| match sequence % 4 {
            0 => reply(200, 5),
            1 => reply(400, 5),
            2 => reply(302, 5),
            _ => {
                let mut reply = reply(0, 0);
                reply.answer.response = Response::Failed(Failure::Unsendable);
                reply
            }
        },
    );
    running.queue.publish(400);
    running.settle().await;
    let report = running.report();
    assert_eq!((report.delivered, report.rejected, report.breaker_opened), (100, 300, 0));
    assert_eq!(running.queue.refused_and_dead(), (0, 300));
}

#[tokio::test(start_paused = true)]
async fn reports_wait_for_a_broker_that_is_away_for_a_while() {
    let running = Running::start(|_| {}, |_, _| reply(200, 1_000));
    running.queue.publish(1);
    until("it is under way", || running.carry.count() == 1).await;
    running.queue.is_away(true);
    pass(seconds(10)).await;
    assert_eq!(running.queue.open(), 1);
    running.queue.is_away(false);
    running.settle().await;
    running.queue.publish(10);
    running.settle().await;
    assert_eq!(running.carry.count(), 11, "none was sent twice");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_messages_asks_for_them_once() {
    let running = Running::start(|_| {}, |_, _| reply(200, 1));
    running.queue.publish(10);
    running.settle().await;
    pass(seconds(1)).await;
    let asked = running.queue.asked();
    pass(seconds(600)).await;
    assert_eq!(running.queue.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn messages_in_hand_stay_within_the_workers_bytes_and_past_them_go_one_by_one() {
    let running = Running::within(10 * BYTES, |_| {}, |_, _| reply(200, 10));
    running.queue.publish(100);
    running.settle().await;
    running.carry.most_under_way();
    running.queue.publish(200);
    running.settle().await;
    assert_eq!(running.carry.most_under_way(), 5);
    // Others have the rest.
    let others: Vec<_> = (0..20).map(|_| Share::new(running.bytes.clone())).collect();
    let held = others[0].hold(10 * BYTES);
    running.queue.publish(100);
    running.settle().await;
    assert_eq!(running.carry.most_under_way(), 1);
    drop(held);
    drop(others);
    assert_eq!(running.bytes.held(), 0);
}

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::*;
use crate::connect::Transport;

fn lines() -> Lines {
    Lines::new(&Transport { endpoints: vec!["http://127.0.0.1:1".into()], ..Transport::default() }).unwrap()
}

fn refusal(code: Code, reason: &str) -> Status {
    Status::with_error_details(code, "text", ErrorDetails::with_error_info(reason, "fanfare", []))
}

fn gone() -> Status {
    refusal(Code::NotFound, "TOPIC_NOT_FOUND")
}

/// Answers one call after the other; nothing in the place of one is silence.
type Script = Mutex<VecDeque<Option<Result<(), Status>>>>;

async fn play(script: &Script) -> Result<Response<()>, Status> {
    let act = script.lock().pop_front();
    match act.expect("no call after the last") {
        Some(answer) => answer.map(Response::new),
        None => std::future::pending().await,
    }
}

async fn delete(script: impl IntoIterator<Item = Option<Result<(), Status>>>) -> Result<(), ServerError> {
    let script: Script = Mutex::new(script.into_iter().collect());
    lines().delete((), |_, _| play(&script)).await
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_when_a_lost_delete_is_repeated_is_deleted() {
    let lost = || Some(Err(Status::unavailable("broken")));
    delete([lost(), Some(Err(gone()))]).await.unwrap();
    delete([None, Some(Err(gone()))]).await.unwrap();
    let draining = || Some(Err(refusal(Code::Unavailable, "BROKER_DRAINING")));
    delete([lost(), draining(), Some(Err(gone()))]).await.unwrap();
    delete([lost(), Some(Ok(()))]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_never_there_is_not_deleted() {
    let draining = || Some(Err(refusal(Code::Unavailable, "BROKER_DRAINING")));
    for script in [vec![Some(Err(gone()))], vec![draining(), Some(Err(gone()))]] {
        assert_eq!(delete(script).await.unwrap_err().code(), Code::NotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_repeated_after_what_passes_and_not_after_what_stays() {
    let script: Script =
        Mutex::new(VecDeque::from([None, Some(Err(Status::unavailable("broken"))), Some(Ok(()))]));
    lines().call(Repeat::Safe, (), |_, _| play(&script)).await.unwrap();
    let script: Script = Mutex::new(VecDeque::from([Some(Err(Status::unavailable("broken")))]));
    let error = lines().call(Repeat::IfRefused, (), |_, _| play(&script)).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "it may have been done");
    let script: Script = Mutex::new(VecDeque::from([Some(Err(gone()))]));
    assert_eq!(
        lines().call(Repeat::Safe, (), |_, _| play(&script)).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_is_given_up_when_its_time_is_over() {
    let began = clock::now();
    let failing = async |_, _| Err::<Response<()>, _>(Status::unavailable("broken"));
    lines().call(Repeat::Safe, (), failing).await.unwrap_err();
    let took = clock::now() - began;
    assert!(took <= Duration::from_secs(60) && took >= Duration::from_secs(45), "{took:?}");
}

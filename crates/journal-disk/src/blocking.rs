use tokio::runtime::Handle;

/// Does work that waits for the disk: beside the runtime where there is one, here where there is none.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match Handle::try_current() {
        Ok(runtime) => match runtime.spawn_blocking(work).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down: no one polls this again.
            Err(_) => std::future::pending().await,
        },
        Err(_) => work(),
    }
}

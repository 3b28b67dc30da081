//! A PostgreSQL of a test's own: a fresh cluster in a temporary directory, on a Unix socket.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tempfile::TempDir;

use crate::support::{eventually, tools::tool};

/// Dropped, it is stopped and gone.
#[derive(Debug)]
pub(super) struct Postgres {
    server: Option<Child>,
    data: PathBuf,
    directory: TempDir,
}

impl Postgres {
    pub(super) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        if is_root() {
            // Its user has to get through to what is its own.
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
            run(Command::new("install").args(["-d", "-o", "postgres", "-m", "700"]).arg(&data));
        }
        let mut initdb = as_its_user("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C"]);
        run(initdb.arg("-D").arg(&data));
        let mut postgres = Self { server: None, data, directory };
        postgres.launch();
        postgres
    }

    fn launch(&mut self) {
        let mut server = as_its_user("postgres");
        server.arg("-D").arg(&self.data).arg("-k").arg(&self.data);
        server.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50"]);
        self.server = Some(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    pub(super) async fn pool(&self) -> PgPool {
        let options = PgConnectOptions::new().socket(&self.data).username("postgres").database("postgres");
        let pool = PgPoolOptions::new().max_connections(20).connect_lazy_with(options);
        eventually("PostgreSQL answers", async || sqlx::query("SELECT 1").execute(&pool).await).await;
        pool
    }

    /// As a crash does: no connection is ended in good order.
    pub(super) fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        // Its processes end with it at this signal, which they do not when it is killed.
        _ = Command::new("kill").args(["-s", "QUIT", &server.id().to_string()]).status();
        _ = server.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
        assert!(self.directory.path().exists());
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// A program of PostgreSQL, which refuses to run as root.
fn as_its_user(program: &str) -> Command {
    let program = tool("POSTGRES_BIN").join(program);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command.current_dir("/");
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

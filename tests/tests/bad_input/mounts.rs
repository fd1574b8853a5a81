//! Small and read-only disks for the tests of protocol-spec/07-delivery, section 9, in a mount namespace of their own so
//! that nothing of this machine is touched.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A namespace in which something is mounted. Dropped, it is gone.
pub(crate) struct Mounts {
    holder: Child,
}

impl Mounts {
    /// Runs `script` (a shell's, `$0` being `dir`) in a new namespace and keeps it open. `None` where this machine does
    /// not let us, with the reason printed.
    pub(crate) fn new(script: &str, dir: &Path) -> Option<Self> {
        let script = format!("set -e; {script}; echo mounted; read _");
        let started = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut holder = match started {
            Ok(holder) => holder,
            Err(error) => {
                println!("left out: unshare cannot be run ({error})");
                return None;
            }
        };
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let held = Self { holder };
        if line.trim() != "mounted" {
            println!("left out: this machine allows no mount namespaces (a container without that right)");
            return None;
        }
        Some(held)
    }

    /// What is put before a command's words so that it runs there, in the folder `dir`.
    pub(crate) fn inside(&self, dir: &Path) -> Vec<String> {
        let id = self.holder.id().to_string();
        let nsenter = ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", &id];
        let shell = ["sh", "-c", "cd \"$0\" && exec \"$@\"", dir.to_str().unwrap()];
        nsenter.iter().chain(&shell).map(ToString::to_string).collect()
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        // Its end is the end of what is mounted.
        drop(self.holder.stdin.take().map(|mut input| input.write_all(b"\n")));
        let _ = self.holder.wait();
    }
}

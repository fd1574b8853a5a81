//! The first run: a file is chosen and read, and an invitation joined with, beside the thread that draws.

use std::{fs, io::Read as _, path::Path, path::PathBuf, sync::Arc};

use amanat_client::{
    Failure, FailureCode,
    profile::{self, JoinRequest, JoinStage},
};
use amanat_primitives::{Timestamp, passphrase::WorkPolicy};
use iced::{Subscription, Task, event, futures::SinkExt as _, window};
use zeroize::Zeroizing;

use super::{App, Message, Phase, open};
use crate::{
    screens::welcome::{self, Invitation},
    settings::Holder,
    wish::Wish,
};

/// More than any invitation has, in its text form.
const LIMIT: u64 = 256 * 1024;
/// Stages that may wait.
const STAGES: usize = 16;

impl App {
    pub(super) fn welcome(&mut self, message: welcome::Message) -> Task<Message> {
        let Phase::Welcome(welcome) = &mut self.phase else { return Task::none() };
        if let welcome::Message::Joined(Ok(joined)) = &message {
            let holder = Holder { name: joined.name.clone(), authority: joined.authority.clone() };
            self.settings.holder = Some(holder);
        }
        let mut tasks = Vec::new();
        for wish in welcome.update(message) {
            match wish {
                Wish::Run(task) => tasks.push(task),
                Wish::Parent(welcome::Action::Pick) => tasks.push(self.pick()),
                Wish::Parent(welcome::Action::Read(path)) => tasks.push(read(path, self.now)),
                Wish::Parent(welcome::Action::Join { file, code, passphrase }) => {
                    tasks.push(join(self.profile.clone(), file, code, passphrase));
                }
                Wish::Parent(welcome::Action::Open(passphrase)) => {
                    self.keep_settings();
                    self.session_locked = false;
                    let opened = open(self.profile.clone(), passphrase);
                    return Task::batch(tasks.into_iter().map(|task| task.map(Message::Welcome)).chain([opened]));
                }
                Wish::Ask(..) => {}
            }
        }
        Task::batch(tasks).map(Message::Welcome)
    }

    /// Through the desktop's portal; without one nothing is chosen, and the path can still be typed.
    fn pick(&self) -> Task<welcome::Message> {
        let dialog = rfd::AsyncFileDialog::new().set_title(self.words.say("welcome-pick"));
        Task::perform(dialog.pick_file(), |file| welcome::Message::Picked(file.map(|file| file.path().to_path_buf())))
    }
}

/// Files held over the window; what is dropped on it the window listens for itself.
pub(super) fn files() -> Subscription<Message> {
    event::listen_with(|event, _, _| {
        let message = match event {
            iced::Event::Window(window::Event::FileHovered(_)) => welcome::Message::Hovered(true),
            iced::Event::Window(window::Event::FilesHoveredLeft) => welcome::Message::Hovered(false),
            _ => return None,
        };
        Some(Message::Welcome(message))
    })
}

fn read(path: PathBuf, now: Timestamp) -> Task<welcome::Message> {
    Task::perform(
        async move { tokio::task::spawn_blocking(move || invitation(&path, now)).await.unwrap_or_else(|_| Err(broken())) },
        welcome::Message::Read,
    )
}

/// Reads an invitation and what it says.
fn invitation(path: &Path, now: Timestamp) -> Result<Invitation, Failure> {
    let unread = |error: std::io::Error| {
        let failed = format!("{} cannot be read: {error}", path.display());
        Failure::new(FailureCode::File, failed, "check that the file is there and that you may read it")
    };
    let mut file = Zeroizing::new(Vec::new());
    let opened = fs::File::open(path).map_err(unread)?;
    opened.take(LIMIT).read_to_end(&mut file).map_err(unread)?;
    let says = Box::new(profile::read_invitation(&file, now)?);
    Ok(Invitation { file: Arc::new(file), says })
}

fn join(
    dir: PathBuf,
    file: Arc<Zeroizing<Vec<u8>>>,
    code: Option<String>,
    passphrase: Zeroizing<String>,
) -> Task<welcome::Message> {
    let joining = iced::stream::channel(STAGES, async move |mut said| {
        let request = JoinRequest { dir, invitation: file.to_vec(), code, passphrase, work: WorkPolicy::STANDARD };
        let mut stages = said.clone();
        let on_stage = move |stage: JoinStage| {
            // What is missed is a line of the progress.
            let _ = stages.try_send(welcome::Message::Stage(stage));
        };
        let joined = profile::join(request, on_stage).await;
        let _ = said.send(welcome::Message::Joined(joined)).await;
    });
    Task::stream(joining)
}

fn broken() -> Failure {
    Failure::new(FailureCode::Internal, "the file could not be read", "try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_invitation_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::from_secs(1_900_000_000);
        let code = |path: &Path| invitation(path, now).map(|_| ()).unwrap_err().code;
        assert_eq!(code(&dir.path().join("nowhere")), FailureCode::File);
        assert_eq!(code(dir.path()), FailureCode::File, "a folder");
        let text = dir.path().join("دعوت نامہ.txt");
        fs::write(&text, "hello").unwrap();
        assert_eq!(code(&text), FailureCode::Invitation);
        fs::write(&text, vec![b'A'; 1 << 20]).unwrap();
        assert_eq!(code(&text), FailureCode::Invitation, "longer than any");
    }
}

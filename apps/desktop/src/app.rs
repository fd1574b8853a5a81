//! The window: one screen at a time, what it wishes for carried out, and what belongs to no screen: settings, keys, the idle
//! lock.

mod first_run;
mod leaving;

use std::{path::PathBuf, sync::Arc, time::Duration};

use amanat_client::{Event, Failure, FailureCode, profile};
use amanat_primitives::Timestamp;
use amanat_ui::{dialog, fonts, look::Look, theme::Tokens};
use iced::{
    Element, Size, Subscription, Task, Theme, clipboard, event,
    keyboard::{self, Key, Modifiers, key::Named},
    widget::operation,
    window::{self, settings::PlatformSpecific},
};
use zeroize::Zeroizing;

pub use self::leaving::Ending;
use crate::{
    backend::{self, Backend, Opened},
    screens::{
        Context,
        conversation::{self, Way},
        files, inbox, over, security, settings,
        shell::{self, Dialog},
        unlock, welcome,
    },
    settings::Settings,
    system::{
        host::{Desktop, Host, Nothing},
        icon, idle, lock, notify, session,
    },
    wish::Wish,
    words::Words,
};

/// How often one looks while something waits for its moment.
const SOON: Duration = Duration::from_millis(250);

/// What the program was started with.
#[derive(Debug, Clone)]
pub struct Start {
    /// Where the profile is.
    pub profile: PathBuf,
}

/// The window's state.
pub struct App {
    profile: PathBuf,
    settings: Settings,
    words: Words,
    system_is_dark: bool,
    phase: Phase,
    /// Told at each key, click and tick.
    now: Timestamp,
    /// The same since the machine started: nobody sets it back.
    moment: Duration,
    /// Settings are shown.
    setting: Option<settings::State>,
    /// The session was locked since the passphrase was given.
    session_locked: bool,
    /// Puts a new process in place of this one; tests have none.
    relock: Option<fn(Option<FailureCode>) -> !>,
    host: Arc<dyn Host>,
    focused: bool,
}

enum Phase {
    Welcome(Box<welcome::State>),
    Unlock(unlock::State),
    Open { backend: Arc<dyn Backend>, shell: Box<shell::State> },
    Leaving(Ending),
}

/// What happens in the window.
#[derive(Clone)]
pub enum Message {
    /// On the unlock screen.
    Unlock(unlock::Message),
    /// The profile is open, or not.
    Opened(Result<Opened, Failure>),
    /// On the unlocked screen.
    Shell(shell::Message),
    /// A key that no widget took.
    Key(Key, Modifiers),
    /// The system's theme.
    System(iced::theme::Mode),
    /// On the first run.
    Welcome(welcome::Message),
    /// In the settings.
    Settings(settings::Message),
    /// Time has gone by, this much since the machine started.
    Tick(Duration),
    /// The session is locked, or the machine goes to sleep.
    SessionLocks,
    /// The window is to be closed.
    Close,
    /// The engine has stopped, to lock or to close.
    Stopped(Ending),
    /// The window has the keyboard, or not.
    Focused(bool),
    /// A file was dropped on the window.
    Dropped(PathBuf),
    /// Nothing to do.
    Nothing,
}

impl App {
    /// The unlock screen of a profile; where there is none, the first run.
    pub fn new(start: &Start) -> (Self, Task<Message>) {
        let exists = profile::exists(&start.profile);
        let (phase, focus) = if exists {
            (Phase::Unlock(unlock::State::default()), unlock::State::focus())
        } else {
            (Phase::Welcome(Box::default()), welcome::first_focus())
        };
        let settings = Settings::read(&start.profile);
        let now = Timestamp::from(std::time::SystemTime::now());
        let app = Self::at(start.profile.clone(), settings, phase, now);
        (app, Task::batch([focus, iced::system::theme().map(Message::System)]))
    }

    fn at(profile: PathBuf, settings: Settings, phase: Phase, now: Timestamp) -> Self {
        let words = Words::new(settings.language);
        Self {
            profile,
            settings,
            words,
            system_is_dark: false,
            phase,
            now,
            moment: Duration::ZERO,
            setting: None,
            session_locked: false,
            relock: None,
            host: Arc::new(Nothing),
            focused: true,
        }
    }

    /// The unlocked screen, over an engine.
    pub fn with(opened: &Opened, settings: Settings, now: Timestamp) -> (Self, Task<Message>) {
        let mut app = Self::at(PathBuf::new(), settings, Phase::Unlock(unlock::State::default()), now);
        let task = app.opened(opened);
        (app, task)
    }

    /// With its settings kept in a folder.
    #[must_use]
    pub fn kept_in(mut self, profile: PathBuf) -> Self {
        self.profile = profile;
        self
    }

    /// With the desktop around it.
    #[must_use]
    pub fn hosted(mut self, host: Arc<dyn Host>) -> Self {
        if let Phase::Open { shell, .. } = &mut self.phase {
            shell.save_into(host.downloads());
        }
        self.host = host;
        self
    }

    fn opened(&mut self, opened: &Opened) -> Task<Message> {
        idle::touch();
        let backend = Arc::clone(&opened.backend);
        let (mut shell, first) = shell::State::new(&*backend);
        shell.save_into(self.host.downloads());
        self.phase = Phase::Open { backend, shell: Box::new(shell) };
        let events = opened.events.lock().ok().and_then(|mut events| events.take());
        let heard = |event: Event| Message::Shell(shell::Message::Heard(Box::new(event)));
        let events = events.map_or_else(Task::none, |events| Task::run(events, heard));
        // While the passphrase was being tried.
        if self.session_locked {
            return self.leave(Ending::Locked);
        }
        Task::batch([first.map(Message::Shell), events])
    }

    /// The window's title.
    #[must_use]
    pub fn title(&self) -> String {
        let name = self.words.say("app-name");
        match &self.phase {
            Phase::Open { shell, .. } if shell.unread() > 0 => {
                format!("({}) {name}", self.words.language().number(shell.unread()))
            }
            _ => name,
        }
    }

    /// How everything looks now.
    #[must_use]
    pub fn look(&self) -> Look {
        let appearance = self.settings.theme.appearance(self.system_is_dark);
        Look::new(Tokens::of(appearance), self.settings.language.direction())
    }

    /// For the toolkit.
    #[must_use]
    pub fn theme(&self) -> Theme {
        self.look().tokens.iced()
    }

    /// How large everything is.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.settings.text_size as f32 / 100.0
    }

    /// Something happened.
    pub fn update(&mut self, message: Message) -> Task<Message> {
        self.now = self.now.max(Timestamp::from(std::time::SystemTime::now()));
        self.moment = self.moment.max(self.host.moment());
        match message {
            Message::Unlock(message) => self.unlock(message),
            Message::Opened(Ok(opened)) => self.opened(&opened),
            Message::Opened(Err(failure)) => self.not_opened(failure),
            Message::Shell(message) => {
                let notified = self.notify(&message);
                let Phase::Open { backend, shell } = &mut self.phase else { return Task::none() };
                shell.at(self.moment);
                let (task, actions) = shell.update(message, &**backend);
                let tasks: Vec<_> = actions.into_iter().map(|action| self.act(action)).collect();
                Task::batch([notified, task.map(Message::Shell)].into_iter().chain(tasks))
            }
            Message::Key(key, modifiers) => self.key(&key, modifiers),
            Message::System(mode) => {
                self.system_is_dark = mode == iced::theme::Mode::Dark;
                Task::none()
            }
            Message::Welcome(message) => self.welcome(message),
            Message::Settings(message) => self.set(message),
            Message::Tick(now) => self.tick(now),
            Message::SessionLocks if matches!(self.phase, Phase::Open { .. }) => self.leave(Ending::Locked),
            Message::SessionLocks => {
                self.session_locked = true;
                Task::none()
            }
            Message::Close => self.leave(Ending::Closed),
            Message::Stopped(ending) => self.left(ending),
            Message::Focused(focused) => {
                self.focused = focused;
                Task::none()
            }
            // On the first run it is an invitation.
            Message::Dropped(path) if matches!(self.phase, Phase::Welcome(_)) => {
                self.welcome(welcome::Message::Dropped(path))
            }
            Message::Dropped(path) => Task::done(Message::Shell(shell::Message::Dropped(path))),
            Message::Nothing => Task::none(),
        }
    }

    fn unlock(&mut self, message: unlock::Message) -> Task<Message> {
        let Phase::Unlock(unlock) = &mut self.phase else { return Task::none() };
        let mut tasks = Vec::new();
        for wish in unlock.update(message) {
            match wish {
                Wish::Parent(unlock::Action::Open(passphrase)) => {
                    self.session_locked = false;
                    tasks.push(open(self.profile.clone(), passphrase));
                }
                Wish::Run(task) => tasks.push(task.map(Message::Unlock)),
                Wish::Ask(..) => {}
            }
        }
        Task::batch(tasks)
    }

    fn act(&mut self, action: shell::Action) -> Task<Message> {
        match action {
            shell::Action::Of(conversation::Action::Copy(text)) => clipboard::write(text),
            shell::Action::Lock => self.leave(Ending::Locked),
            shell::Action::Stopped(failure) => self.leave(Ending::Stopped(failure.code)),
            shell::Action::Settings => self.show_settings(),
            shell::Action::Files(action) => self.file(action),
            shell::Action::PickReport(name) => Task::perform(self.host.save_as(self.host.downloads(), name), |path| {
                Message::Shell(shell::Message::Over(over::Message::Security(security::Message::Picked(path))))
            }),
            _ => Task::none(),
        }
    }

    fn not_opened(&mut self, failure: Failure) -> Task<Message> {
        // There is a folder, and nobody was enrolled in it.
        if failure.code == FailureCode::NoProfile {
            self.phase = Phase::Welcome(Box::new(welcome::State::begun()));
            return welcome::first_focus();
        }
        if matches!(self.phase, Phase::Welcome(_)) {
            self.phase = Phase::Unlock(unlock::State::default());
        }
        if let Phase::Unlock(unlock) = &mut self.phase {
            unlock.failed(failure);
        }
        unlock::State::focus()
    }

    /// The longest time until it locks, in minutes.
    fn ceiling(&self) -> u32 {
        match &self.phase {
            Phase::Open { shell, .. } => idle::ceiling(shell.highest_tier()),
            _ => idle::ceiling(None),
        }
    }

    fn show_settings(&mut self) -> Task<Message> {
        if matches!(self.phase, Phase::Open { .. }) {
            self.setting = Some(settings::State::new(self.settings.clone(), self.ceiling()));
        }
        Task::none()
    }

    fn set(&mut self, message: settings::Message) -> Task<Message> {
        let ceiling = self.ceiling();
        let mut strip = settings::State::new(self.settings.clone(), ceiling);
        for wish in self.setting.as_mut().unwrap_or(&mut strip).update(message) {
            match wish {
                Wish::Parent(settings::Action::Close) => self.setting = None,
                Wish::Parent(settings::Action::Set(settings)) => {
                    if settings.language != self.settings.language {
                        self.words = Words::new(settings.language);
                    }
                    self.settings = settings;
                    let kept = self.keep_settings();
                    if let (false, Some(shown)) = (kept, &mut self.setting) {
                        shown.not_kept();
                    }
                }
                _ => {}
            }
        }
        Task::none()
    }

    /// Before there is a profile there is nowhere to keep them: they are kept once there is.
    fn keep_settings(&self) -> bool {
        let kept = if self.profile.is_dir() { self.settings.write(&self.profile) } else { Ok(()) };
        kept.inspect_err(|error| tracing::error!(%error, "the settings cannot be kept")).is_ok()
    }

    fn file(&self, action: files::Action) -> Task<Message> {
        let told = |message| Message::Shell(shell::Message::Files(message));
        match action {
            files::Action::Pick(question) => {
                Task::perform(self.host.pick(), move |path| told(files::Message::Picked(question, path)))
            }
            files::Action::PickPlace(question, folder, name) => {
                Task::perform(self.host.save_as(folder, name), move |path| told(files::Message::Picked(question, path)))
            }
            files::Action::LookAt(question, path) => Task::perform(self.host.look_at(path.clone()), move |size| {
                told(files::Message::Looked(question, path.clone(), size))
            }),
            files::Action::Open(question, path) => {
                Task::perform(self.host.open(path), move |opened| told(files::Message::Opened(question, opened)))
            }
            files::Action::Check(to, text, files) => {
                let looked: Vec<_> = files.iter().map(|path| self.host.look_at(path.clone())).collect();
                let all = iced::futures::future::join_all(looked);
                Task::perform(all, move |looked| {
                    let all = looked.iter().all(Result::is_ok);
                    told(files::Message::Checked(to.clone(), text.clone(), files.clone(), all))
                })
            }
            files::Action::Picture(of, path) => {
                Task::perform(self.host.thumbnail(path), move |made| told(files::Message::Pictured(of, made)))
            }
            files::Action::Insert(..) | files::Action::Changed => Task::none(),
        }
    }

    /// Tells of a message while somebody looks elsewhere.
    fn notify(&self, message: &shell::Message) -> Task<Message> {
        let (Phase::Open { shell, .. }, shell::Message::Heard(event), false) = (&self.phase, message, self.focused)
        else {
            return Task::none();
        };
        let Event::Message { conversation, message } = &**event else { return Task::none() };
        let said = notify::about(message, shell.find(*conversation), &self.words);
        said.map_or_else(Task::none, |said| Task::perform(self.host.notify(said), |()| Message::Nothing))
    }

    fn key(&mut self, key: &Key, modifiers: Modifiers) -> Task<Message> {
        let shell = |message| Task::done(Message::Shell(message));
        // Under a question nothing else is opened.
        let free = self.setting.is_none() && matches!(&self.phase, Phase::Open { shell, .. } if !shell.asks());
        match key.as_ref() {
            Key::Named(Named::Tab) if modifiers.shift() => operation::focus_previous(),
            Key::Named(Named::Tab) => operation::focus_next(),
            Key::Named(Named::ArrowDown) if modifiers.alt() => shell(shell::Message::Beside(true)),
            Key::Named(Named::ArrowUp) if modifiers.alt() => shell(shell::Message::Beside(false)),
            Key::Named(Named::Escape) if self.setting.is_some() => self.set(settings::Message::Close),
            Key::Character(",") if free && modifiers.command() => self.show_settings(),
            Key::Named(Named::Escape) => shell(shell::Message::Escape),
            Key::Character("o") if free && modifiers.command() => shell(shell::Message::Attach),
            Key::Named(Named::ArrowDown) => shell(shell::Message::Step(true)),
            Key::Named(Named::ArrowUp) => shell(shell::Message::Step(false)),
            Key::Named(_) => {
                let way = self.way(key, modifiers).filter(|_| self.setting.is_none());
                way.map_or_else(Task::none, |way| shell(shell::Message::Go(way)))
            }
            Key::Character("g") if free && modifiers.command() => shell(shell::Message::Go(Way::Day)),
            Key::Character("k") if free && modifiers.command() => shell(shell::Message::Show(Dialog::Switcher)),
            Key::Character("n") if free && modifiers.command() => shell(shell::Message::Show(Dialog::New)),
            Key::Character("f" | "F") if free && modifiers.command() => {
                let dialog = if modifiers.shift() { Dialog::SearchAll } else { Dialog::Search };
                shell(shell::Message::Show(dialog))
            }
            Key::Character("p" | "P") if free && modifiers.command() && modifiers.shift() => {
                shell(shell::Message::Arrange(inbox::Arrange::Pin))
            }
            Key::Character("m" | "M") if free && modifiers.command() && modifiers.shift() => {
                shell(shell::Message::Arrange(inbox::Arrange::Mute))
            }
            Key::Character("l") if modifiers.command() => shell(shell::Message::Lock),
            _ => Task::none(),
        }
    }

    /// Where a key leads in a conversation.
    fn way(&self, key: &Key, modifiers: Modifiers) -> Option<Way> {
        let rtl = self.look().direction.is_rtl();
        let Key::Named(named) = key else { return None };
        Some(match named {
            Named::Home | Named::End if modifiers.command() => Way::End(*named == Named::End),
            _ if !modifiers.is_empty() => return None,
            Named::PageUp | Named::PageDown => Way::Page(*named == Named::PageDown),
            Named::ArrowLeft | Named::ArrowRight => Way::Beside((*named == Named::ArrowRight) != rtl),
            Named::Enter => Way::Enter,
            _ => return None,
        })
    }

    /// What is listened to.
    pub fn subscription(&self) -> Subscription<Message> {
        let keys = event::listen_with(|event, status, _| {
            if idle::saw(&event) {
                return Some(Message::Tick(idle::now()));
            }
            match &event {
                iced::Event::Window(window::Event::FileDropped(path)) => return Some(Message::Dropped(path.clone())),
                iced::Event::Window(window::Event::FileHovered(_)) => return Some(hovered(true)),
                iced::Event::Window(window::Event::FilesHoveredLeft) => return Some(hovered(false)),
                iced::Event::Window(window::Event::Focused) => return Some(Message::Focused(true)),
                iced::Event::Window(window::Event::Unfocused) => return Some(Message::Focused(false)),
                _ => {}
            }
            let iced::Event::Keyboard(keyboard::Event::KeyPressed { key, physical_key, modifiers, .. }) = event else {
                return None;
            };
            // Shortcuts are where they are on a Latin keyboard, whatever is typed with it.
            let latin = key.to_latin(physical_key).filter(|_| modifiers.command());
            let key = latin.map_or(key, |c| Key::Character(c.to_string().into()));
            let lock = modifiers.command() && key.as_ref() == Key::Character("l");
            // Fields take these, and dialogs need them: Esc closes, arrows choose.
            let named = [Named::Escape, Named::ArrowUp, Named::ArrowDown].map(Key::Named);
            let needed = lock || modifiers.is_empty() && named.contains(&key);
            (status == event::Status::Ignored || needed).then_some(Message::Key(key, modifiers))
        });
        let mut all = vec![
            keys,
            iced::system::theme_changes().map(Message::System),
            window::close_requests().map(|_| Message::Close),
        ];
        if self.waits() {
            all.push(iced::time::every(SOON).map(|_| Message::Tick(idle::now())));
        }
        match &self.phase {
            Phase::Open { .. } => {
                all.push(iced::time::every(idle::LOOK_EVERY).map(|_| Message::Tick(idle::now())));
            }
            Phase::Welcome(_) => all.push(first_run::files()),
            _ => {}
        }
        all.push(Subscription::run(session::locks).map(|()| Message::SessionLocks));
        Subscription::batch(all)
    }

    /// How it looks.
    #[must_use]
    pub fn view(&self) -> Element<'_, Message> {
        let context = Context { look: self.look(), words: &self.words, now: self.now };
        match &self.phase {
            Phase::Welcome(welcome) => {
                let screen = welcome.view(context).map(Message::Welcome);
                settings::under(screen, &self.settings, context, Message::Settings)
            }
            Phase::Unlock(unlock) => {
                let screen = unlock.view(self.settings.holder.as_ref(), context).map(Message::Unlock);
                settings::under(screen, &self.settings, context, Message::Settings)
            }
            Phase::Open { shell, .. } => {
                let screen = shell.view(context).map(Message::Shell);
                let card = self.setting.as_ref().map(|setting| setting.card(context, Message::Settings));
                dialog::over(screen, card)
            }
            Phase::Leaving(ending) => unlock::leaving(ending.comes_back(), context),
        }
    }
}

/// Files are over the window, or not any more.
fn hovered(over: bool) -> Message {
    Message::Shell(shell::Message::Files(files::Message::Hovered(over)))
}

/// Opens a profile, on a thread that may block.
fn open(profile: PathBuf, passphrase: Zeroizing<String>) -> Task<Message> {
    Task::perform(
        async move {
            let opened = tokio::task::spawn_blocking(move || backend::open(&profile, &passphrase)).await;
            opened.unwrap_or_else(|_| {
                let failed = "the profile could not be opened";
                Err(Failure::new(amanat_client::FailureCode::Internal, failed, "start the program again"))
            })
        },
        Message::Opened,
    )
}

/// Opens the window and shows it until it is closed.
///
/// # Errors
/// There is no display.
pub fn run(start: Start) -> iced::Result {
    run_with(start, None)
}

/// The same, with a file that is taken as if it were dropped on the window: an invitation.
///
/// # Errors
/// There is no display.
pub fn run_with(start: Start, dropped: Option<PathBuf>) -> iced::Result {
    show(move || {
        let (mut app, task) = App::new(&start);
        app.relock = Some(lock::relock);
        let mut app = app.hosted(Arc::new(Desktop));
        let why = lock::why().map_or_else(Task::none, |code| app.says_why(code));
        let dropped = dropped.clone().map_or_else(Task::none, |path| Task::done(Message::Dropped(path)));
        (app, Task::batch([task, why, dropped]))
    })
}

/// Shows a window that begins as `boot` says.
///
/// # Errors
/// There is no display.
pub fn show(boot: impl Fn() -> (App, Task<Message>) + 'static) -> iced::Result {
    let mut application = iced::application(boot, App::update, App::view)
        .title(App::title)
        .theme(App::theme)
        .scale_factor(App::scale)
        .subscription(App::subscription)
        .default_font(fonts::LATIN)
        .exit_on_close_request(false)
        .window(window::Settings {
            size: Size::new(1240.0, 820.0),
            min_size: Some(Size::new(720.0, 480.0)),
            icon: icon::window(),
            platform_specific: PlatformSpecific {
                application_id: icon::APPLICATION.to_owned(),
                ..PlatformSpecific::default()
            },
            ..window::Settings::default()
        });
    for font in fonts::FONTS {
        application = application.font(font);
    }
    application.run()
}

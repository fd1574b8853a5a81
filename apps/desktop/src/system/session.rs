//! What the session's manager says (logind, on the system bus): that the session is to be locked or that its screen was
//! (`LockedHint`, which desktops set), that the machine goes to sleep. Where there is no bus or no such manager nothing is
//! heard, and the idle clock locks all the same.
//!
//! Anybody on the machine may send a signal to this program's own name: only what comes from who owns the manager's name now
//! counts.
//!
//! Nobody is held up: locking begins as the machine goes to sleep, and where it does not come that far, the clock that runs on
//! in sleep locks before anything else is done.

use std::{collections::HashMap, time::Duration};

use iced::futures::{SinkExt as _, Stream, StreamExt as _, channel::mpsc, stream};
use zbus::{
    Connection, MatchRule, Message, MessageStream, OwnedObjectPath, Proxy, Variant, fdo::DBusProxy, message::Type,
};

const MANAGER: &str = "org.freedesktop.login1";
const ROOT: &str = "/org/freedesktop/login1";
const SESSIONS: &str = "/org/freedesktop/login1/session";
const OF_MANAGER: &str = "org.freedesktop.login1.Manager";
const OF_SESSION: &str = "org.freedesktop.login1.Session";
const OF_PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const CHANGED: &str = "PropertiesChanged";
const LOCKED: &str = "LockedHint";
const SLEEP: &str = "PrepareForSleep";
const LOCK: &str = "Lock";
/// Says which session this is.
const ID: &str = "XDG_SESSION_ID";
/// Until the bus is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// Signals that may wait.
const WAITING: usize = 4;

/// One item each time that it is to be locked.
pub fn locks() -> impl Stream<Item = ()> {
    iced::stream::channel(WAITING, async |mut said: mpsc::Sender<()>| {
        while !said.is_closed() {
            if let Err(error) = listen(&mut said).await {
                tracing::debug!(%error, "the session's manager is not heard");
            }
            tokio::time::sleep(AGAIN).await;
        }
    })
}

async fn listen(said: &mut mpsc::Sender<()>) -> zbus::Result<()> {
    let bus = Connection::system().await?;
    let own = own(&bus).await;
    let sleep = rule(OF_MANAGER, SLEEP).path(ROOT).build()?;
    // Which session this is may not be known: then it is locked with any, once too often rather than not at all.
    let of_session = |rule: zbus::match_rule::Builder<'static>| match &own {
        Some(path) => rule.path(path.to_string()).build(),
        None => rule.path_namespace(SESSIONS).build(),
    };
    let (lock, hint) = (of_session(rule(OF_SESSION, LOCK))?, of_session(rule(OF_PROPERTIES, CHANGED))?);
    let sleep = MessageStream::for_match_rule(sleep, &bus, None).await?;
    let lock = MessageStream::for_match_rule(lock, &bus, None).await?;
    let hint = MessageStream::for_match_rule(hint, &bus, None).await?;
    let names = DBusProxy::new(&bus).await?;
    let mut heard = stream::select(sleep, stream::select(lock, hint));
    while let Some(message) = heard.next().await {
        let message = message?;
        if !locks_it(&message, own.as_ref().map(|path| path.as_str())) {
            continue;
        }
        let owner = names.get_name_owner(MANAGER.try_into()?).await?;
        let is_the_managers = message.header().sender().is_some_and(|sender| *sender == *owner.inner());
        if is_the_managers && said.send(()).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn rule(interface: &'static str, member: &'static str) -> zbus::match_rule::Builder<'static> {
    MatchRule::builder().msg_type(Type::Signal).sender(MANAGER).interface(interface).member(member)
}

/// This session's path; none where the manager does not know it.
async fn own(bus: &Connection) -> Option<OwnedObjectPath> {
    let manager = Proxy::new(bus, MANAGER, ROOT, OF_MANAGER).await.ok()?;
    if let Ok(id) = std::env::var(ID)
        && let Ok(path) = manager.call("GetSession", &(id,)).await
    {
        return Some(path);
    }
    manager.call("GetSessionByPID", &(std::process::id(),)).await.ok()
}

/// Whether a signal says that it is to be locked: of this session, or of any where that is not known.
fn locks_it(message: &Message, own: Option<&str>) -> bool {
    let header = message.header();
    let path = header.path().map(|path| path.as_str());
    let named = (header.interface().map(|name| name.as_str()), header.member().map(|name| name.as_str()));
    match named {
        (Some(OF_SESSION), Some(LOCK)) => own.is_none() || path == own,
        (Some(OF_PROPERTIES), Some(CHANGED)) => (own.is_none() || path == own) && is_locked(message),
        // It says no once the machine is awake again.
        (Some(OF_MANAGER), Some(SLEEP)) => message.body().deserialize::<bool>().unwrap_or(true),
        _ => false,
    }
}

/// The session's screen is locked by now, as the desktop has told the manager.
fn is_locked(message: &Message) -> bool {
    let body = message.body();
    let Ok((interface, changed, _)) = body.deserialize::<(&str, HashMap<&str, Variant<'_>>, Vec<&str>)>() else {
        return false;
    };
    interface == OF_SESSION && changed.get(LOCKED).is_some_and(|value| *value == Variant::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "/org/freedesktop/login1/session/_32";
    const OTHER: &str = "/org/freedesktop/login1/session/_33";

    fn signal(path: &str, interface: &str, member: &str, asleep: Option<bool>) -> Message {
        let signal = Message::signal(path, interface, member);
        match asleep {
            None => signal.build(&()).unwrap(),
            Some(asleep) => signal.build(&(asleep,)).unwrap(),
        }
    }

    #[test]
    fn it_locks_with_its_session_and_before_sleep() {
        let lock = |path| signal(path, OF_SESSION, LOCK, None);
        assert!(locks_it(&lock(OWN), Some(OWN)));
        assert!(!locks_it(&lock(OTHER), Some(OWN)), "somebody else's");
        assert!(locks_it(&lock(OTHER), None), "it is not known which this is");
        assert!(!locks_it(&signal(OWN, OF_SESSION, "Unlock", None), Some(OWN)));
        assert!(locks_it(&signal(ROOT, OF_MANAGER, SLEEP, Some(true)), Some(OWN)));
        assert!(!locks_it(&signal(ROOT, OF_MANAGER, SLEEP, Some(false)), Some(OWN)), "it wakes up");
        assert!(!locks_it(&signal(ROOT, OF_MANAGER, "SessionNew", None), Some(OWN)));
    }
}

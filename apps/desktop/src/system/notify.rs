//! Notifications of the desktop: that a message came, and no more than its tier allows. What stands in one is shown on a locked
//! screen and kept by other programs.

use amanat_client::api::{ConversationView, MessageState, MessageView};
use amanat_identity::Tier;
use amanat_ui::bidi;

use crate::words::Words;

/// From this tier upward not even the sender is named.
const NAMELESS_FROM: Tier = Tier::Restricted;
/// Characters of a name.
const NAME: usize = 60;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The first line.
    pub summary: String,
    /// The second one.
    pub body: String,
}

/// What is said about a message; none where that is nothing. Of a conversation that is not listed yet, the least.
#[must_use]
pub fn about(message: &MessageView, conversation: Option<&ConversationView>, words: &Words) -> Option<Notification> {
    let news = !message.own && !message.imported && message.state == MessageState::Unread;
    if !news || conversation.is_some_and(|listed| listed.muted) {
        return None;
    }
    let body = if conversation.is_some_and(|listed| listed.tier < NAMELESS_FROM) {
        words.with("notify-from", &[("name", bidi::defuse(&message.name, NAME).into())])
    } else {
        words.say("notify-new")
    };
    Some(Notification { summary: words.say("app-name"), body })
}

/// Shows it. Without a session bus nothing is shown.
pub(crate) fn show(notification: &Notification) {
    // A server may read the body as markup.
    let body = notification.body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut shown = notify_rust::Notification::new();
    shown.appname(&notification.summary).summary(&notification.summary).body(&body).icon("amanat-desktop");
    if let Err(error) = shown.show() {
        tracing::debug!(%error, "no notification");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fake, language::Language};

    #[test]
    fn no_more_is_said_than_the_tier_allows() {
        let words = Words::new(Language::English);
        for conversation in fake::conversations() {
            let last = conversation.last.clone().unwrap();
            let message =
                MessageView { own: false, state: MessageState::Unread, name: "Sana <b>\u{202E}".into(), ..last };
            let said = about(&message, Some(&conversation), &words).unwrap();
            let named = said.body.contains("Sana");
            assert_eq!(named, conversation.tier == Tier::Official, "{:?}", conversation.tier);
            assert!(!said.body.contains('\u{202E}'));
            let muted = ConversationView { muted: true, ..conversation.clone() };
            assert_eq!(about(&message, Some(&muted), &words), None);
            let unlisted = about(&message, None, &words).unwrap();
            assert_eq!(unlisted.body, words.say("notify-new"), "its tier is not known");
            let own = MessageView { own: true, ..message.clone() };
            assert_eq!(about(&own, Some(&conversation), &words), None);
            let read = MessageView { state: MessageState::Read, ..message };
            assert_eq!(about(&read, Some(&conversation), &words), None);
        }
    }
}

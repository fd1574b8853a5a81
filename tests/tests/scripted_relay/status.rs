//! A relay that keeps a status statement to itself (protocol-spec/05-conversation, section 5).

use amanat_client::{
    Reply,
    api::{Notice, Role},
};
use amanat_primitives::DeviceId;

use super::*;

/// The secretary, whom the relay shows the statement, makes the director a moderator; gives the commit and its author.
pub(super) async fn appointed(
    secretary: &Person,
    rig: &Rig,
    scripted: &mut Scripted,
    id: ConversationId,
) -> (u32, DeviceId, Unit) {
    let (author, engine) = (secretary.device().await, secretary.engine.clone());
    let command = Command::SetRole { conversation: id, person: rig.address("director"), moderator: true };
    drop(tokio::spawn(async move { engine.ask(command).await }));
    let (number, commit) = until_request(scripted, |request| match request {
        Request::Append(unit) if unit.kind == UnitKind::Commit => Ok(unit),
        other => Err(other),
    })
    .await;
    (number, author, commit)
}

async fn role(person: &Person, conversation: ConversationId, handle: &str) -> Option<Role> {
    let members = person.members(conversation).await;
    members.into_iter().find(|member| member.address.handle.as_str() == handle).unwrap().role
}

/// Answers the next reading of the log with this entry.
async fn show(scripted: &mut Scripted, entry: impl Fn(u64) -> Entry) {
    let (number, Read { after, .. }) = until_read(scripted).await;
    let entries = List::new(vec![entry(after + 1)]).unwrap();
    let answer = Entries { entries, running_before: Digest::ZERO, head: after + 1, first_kept: 1 };
    scripted.answer(number, Answer::Entries(answer)).await;
}

// [CONV-50] It neither greets with the statement nor pushes it, and shows the commit that names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_a_commit_names_is_fetched_before_it_is_judged() {
    let mut rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let director = rig.person("director", Tier::Secret).await;
    let id = rig.group(&secretary, &["director"], Tier::Official).await;
    for person in [&secretary, &director, &secretary] {
        person.sync().await;
    }
    director.engine.stop().await;
    rig.stop_relay().await;
    let script = Script::in_place_of(&rig);
    let status = rig.office.status(rig.clock.now());
    let number = status.statement.signed.number;
    let mut scripted = script.greet(Bytes::new(status.to_bytes()).unwrap()).await;
    // A change of roles is refused until the engine has taken up the greeting, as its first question shows.
    let (asked, question) = scripted.request().await;
    scripted.pass(asked, question).await;
    let (_, author, commit) = appointed(&secretary, &rig, &mut scripted, id).await;
    secretary.engine.stop().await;
    drop(scripted);

    let mut director = rig.start("director").await;
    let Reply::Status(overview) = director.ask(Command::Status).await else { panic!() };
    assert!(overview.status.is_none_or(|known| known.number < number), "it would be judged at once");
    let mut scripted = script.session().await;
    let entry = |position| {
        let Unit { id: unit, seen_commit, accepted_commit, body, .. } = commit.clone();
        let known = of_another(position, UnitKind::Commit);
        script.vouched_by(id, Entry { sender: author, unit, seen_commit, accepted_commit, body, ..known }, number)
    };
    // One that skips, so that the log is read.
    scripted.say(&FromRelay::Push(Push { conversation: id, entry: entry(1_000) })).await;
    show(&mut scripted, entry).await;
    let (asked, ()) = until_request(&mut scripted, |request| match request {
        Request::Status(_) => Ok(()),
        other => Err(other),
    })
    .await;
    assert_eq!(role(&director, id, "director").await, Some(Role::Member));
    scripted.answer(asked, Answer::Status(Bytes::new(status.to_bytes()).unwrap())).await;
    show(&mut scripted, entry).await;
    let changed = |event: &Event| match event {
        Event::Alarm { alarm: Alarm::VoidCommit { .. } | Alarm::WaitingStatus { .. }, .. } => panic!("{event:?}"),
        Event::Notice(Notice::Member { conversation, .. }) if *conversation == id => Some(()),
        _ => None,
    };
    director.until("change of roles", changed).await;
    assert_eq!(role(&director, id, "director").await, Some(Role::Moderator));
}

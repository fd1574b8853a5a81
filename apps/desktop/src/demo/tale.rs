//! Who is in the demonstration, what was said before the window opens, and what is answered. All of it is invented.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use amanat_client::{
    Command, Engine, Failure, FailureCode, Reply,
    api::{SendOptions, Target},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;

use super::{failed, office::Person, people::Colleague};

/// Whoever looks at the window.
pub(super) const OWN: Person =
    Person { handle: "secretary", name: "Hassan Khalid", post: "Additional Secretary", clearance: Tier::Secret };
const DEPUTY: Person =
    Person { handle: "deputy", name: "Bilal Ahmed", post: "Deputy Secretary", clearance: Tier::Secret };
const OFFICER: Person =
    Person {
        handle: "section.officer", name: "ثنا طارق", post: "Section Officer", clearance: Tier::Confidential
    };
/// The others.
pub(super) const COLLEAGUES: [Person; 2] = [DEPUTY, OFFICER];

/// What somebody who does not speak in groups says there.
pub(super) const REACTION: &str = "نوٹ کیا";
const ENGLISH: [&str; 4] = [
    "Noted. I shall put it up in this afternoon's meeting.",
    "Agreed. Please copy the Finance wing.",
    "Thank you. Could you also confirm the figure in paragraph 7?",
    "Received. I will revert by the evening.",
];
const URDU: [&str; 4] = [
    "جی، نوٹ کر لیا۔ آج شام تک جواب بھیج دوں گی۔",
    "بہت شکریہ۔ مسودہ کل صبح تک تیار ہو جائے گا۔",
    "ٹھیک ہے، Annex-B میں table 3 بھی اپ ڈیٹ کر دیتی ہوں۔",
    "موصول ہو گیا۔",
];

const TABLE: &str = "relief-stocks-annexure-A.csv";
const ROWS: usize = 20_000;
/// Until a conversation has come to everybody.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether somebody answers in groups with words.
pub(super) fn speaks_in_groups(person: &Person) -> bool {
    person.handle == DEPUTY.handle
}

/// An answer.
pub(super) fn reply(urdu: bool, number: usize) -> &'static str {
    let answers = if urdu { URDU } else { ENGLISH };
    answers.get(number % answers.len()).copied().unwrap_or_default()
}

/// To a document.
pub(super) fn reply_to_document(person: &Person) -> &'static str {
    if person.handle == DEPUTY.handle {
        "Thank you, I have the document."
    } else {
        "دستاویز مل گئی، شکریہ۔"
    }
}

/// Three conversations at three tiers, as they were before the window opens.
pub(super) async fn tell(dir: &Path, own: &Engine, colleagues: &[Colleague]) -> Result<(), Failure> {
    let [deputy, officer] = colleagues else { return Err(missing()) };
    let address = OWN.address()?;
    let others = vec![deputy.person.address()?, officer.person.address()?];

    let budget = own.ask(Command::New {
        title: "Budget 2031–32".into(),
        tier: Tier::Secret,
        members: vec![deputy.person.address()?],
    });
    let budget = conversation(budget.await?)?;
    colleague_says(
        deputy,
        budget,
        "The ceiling for the Division stands at PKR 4.62 billion, as per the September \
                                    statement.",
    )
    .await?;
    own_says(own, budget, "Please send me the annexure on relief stocks before noon.").await?;
    let file = table(dir)?;
    let (to, options) = (Target::Conversation(budget), SendOptions::default());
    deputy.ask(Command::SendDocument { to, path: file, options }).await?;

    let to = Target::Person(address, Some(Tier::Restricted));
    let text = "السلام علیکم! کل کے اجلاس کا ایجنڈا تیار ہے۔".to_owned();
    let urdu = conversation(officer.ask(Command::SendText { to, text }).await?)?;
    own_says(own, urdu, "وعلیکم السلام۔ شکریہ، Annex-B بھی ساتھ لگا دیں۔").await?;
    colleague_says(officer, urdu, "جی، Annex-B میں table 3 کو اپ ڈیٹ کر دیا ہے (version 2.1)، باقی ٹھیک ہے۔").await?;

    let flood = Command::New { title: "Flood Response Cell".into(), tier: Tier::Official, members: others };
    let flood = conversation(own.ask(flood).await?)?;
    own_says(own, flood, "The control room is open around the clock from today.").await?;
    colleague_says(officer, flood, "ضلعی رپورٹیں ہر چھ گھنٹے بعد یہاں آئیں گی۔").await?;
    colleague_says(deputy, flood, "District 12 asks for 400 tents. Write to us here: we answer in a few seconds.").await
}

fn conversation(reply: Reply) -> Result<ConversationId, Failure> {
    match reply {
        Reply::Sent { conversation, .. } => Ok(conversation),
        _ => Err(missing()),
    }
}

async fn own_says(own: &Engine, conversation: ConversationId, text: &str) -> Result<(), Failure> {
    patiently(async || own.ask(say(conversation, text)).await).await
}

async fn colleague_says(colleague: &Colleague, conversation: ConversationId, text: &str) -> Result<(), Failure> {
    patiently(async || colleague.ask(say(conversation, text)).await).await
}

fn say(conversation: ConversationId, text: &str) -> Command {
    Command::SendText { to: Target::Conversation(conversation), text: text.to_owned() }
}

/// A conversation takes a moment to come to everybody.
async fn patiently(ask: impl AsyncFn() -> Result<Reply, Failure>) -> Result<(), Failure> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(_) => return Ok(()),
            Err(failure) if tokio::time::Instant::now() > until => return Err(failure),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A document to be fetched.
fn table(dir: &Path) -> Result<std::path::PathBuf, Failure> {
    let mut text = String::from("row,district,tents,blankets\n");
    for row in 0..ROWS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{row},district {:03},{},{}", row % 140, row * 7 % 900, row * 13 % 4000);
    }
    let path = dir.join(TABLE);
    fs::write(&path, text).map_err(failed("the document cannot be written"))?;
    Ok(path)
}

fn missing() -> Failure {
    Failure::new(FailureCode::Internal, "the demonstration cannot be set up", "run it again")
}

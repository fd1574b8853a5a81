//! Examples under each command's `--help` (protocol-spec/json-output.md, section 1). A test parses every one.

pub(crate) const TOP: &str = "\
Examples:
  amanat demo                                        see all of it work on this machine
  amanat join my.invitation                          begin, with the invitation that you were given
  amanat send secretary \"The file is on its way.\"    write to someone
  amanat sync                                        fetch what is new
  amanat read 3fa94c01                               read a conversation

Passphrases are asked for. Scripts set AMANAT_PASSPHRASE, AMANAT_OFFICER_PASSPHRASE or
AMANAT_ROOT_PASSPHRASE, AMANAT_HISTORY_PASSPHRASE, each also as ..._FILE; the last three fall back to the first.
AMANAT_NEW_PASSPHRASE is what a profile's is changed to.
Exit status: 0 done, 1 refused or failed, 2 usage.";

pub(crate) const DEMO: &str = "\
Examples:
  amanat demo
  amanat demo --keep ./amanat-demo    the folder stays, and the commands that are printed work";

pub(crate) const AUTHORITY: &str = "\
Examples:
  amanat authority init --domain cabinet.example --name \"Cabinet Division\" --out authority
  amanat authority certify officer card --authority A --root /media/root.key --out officer.cert";

pub(crate) const AUTHORITY_INIT: &str = "\
Examples:
  amanat authority init --domain cabinet.example --name \"Cabinet Division\" --out authority

Writes authority/root.key (move it offline), authority/authority.cert (public), authority/officer/ (the first
officer's keys and certificate, one year) and the first status statement.";

pub(crate) const AUTHORITY_CERTIFY: &str = "\
Examples:
  amanat authority certify officer desk2/card --authority authority --out desk2/certificate
  amanat authority certify auditor audit/card --authority A --root /media/root.key --out audit/certificate";

pub(crate) const OFFICER: &str = "\
Examples:
  amanat officer init --out desk2
  amanat officer init --out desk2 --name \"Security Officer, Desk 2\"

Hand desk2/card to the authority. On this machine, an authority's folder for commands such as invite holds its
authority.cert, the officer's folder as officer/ with the certificate in it, and relays/.";

pub(crate) const AUDITOR: &str = "\
Examples:
  amanat auditor init --out audit

Hand audit/card to the authority.";

pub(crate) const RELAY: &str = "\
Examples:
  amanat relay certify relay/relay.card --authority authority --out relay/relay.cert";

pub(crate) const RELAY_CERTIFY: &str = "\
Examples:
  amanat relay certify relay/relay.card --authority authority --out relay/relay.cert
  amanat relay certify relay/relay.card --authority A --root /media/root.key --out relay/relay.cert";

pub(crate) const INVITE: &str = "\
Examples:
  amanat invite --authority A --person secretary --name \"Private Secretary\" --post Secretary --tier secret --out s.inv
  amanat invite --authority A --person clerk --name \"Records Clerk\" --post Clerk --tier official --out c.inv --code
  amanat invite --authority A --person clerk --name \"Records Clerk\" --post Clerk --tier official --out d.inv --replaces

Hand the file over in person. It works once, for seven days. With --code the code is told apart from the file.";

pub(crate) const JOIN: &str = "\
Examples:
  amanat join secretary.invitation
  amanat join secretary.invitation --profile ./secretary

Scripts set AMANAT_PASSPHRASE and, for an invitation with a code, AMANAT_CODE. If it is interrupted, run it again.";

pub(crate) const ATTEST: &str = "\
Examples:
  amanat attest --authority authority

Run it daily from a timer. What no relay could be given waits in authority/outbox for the next run.";

pub(crate) const REVOKE: &str = "\
Examples:
  amanat revoke secretary --authority authority --reason lost
  amanat revoke secretary@cabinet.example --authority A --reason left --note \"Posted abroad.\"
  amanat revoke auditor --unknown --authority A --reason other
  amanat revoke officer:officer.card --authority A --root /media/safe/root.key --reason compromised
  amanat revoke grant:9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a --authority A --reason other

A person can be invited again afterwards. --unknown takes a name that no relay knows, of somebody who has not joined yet. An officer is revoked with the root key, and the folder of another officer
publishes it: whoever the officer enrolled until then stays, and nothing that the officer signs counts any more. The relay refuses what is revoked from the moment it has the statement; what
no relay could be given waits in authority/outbox, and the next attest or revoke brings it along.";

pub(crate) const COSIGN: &str = "\
Examples:
  amanat cosign 9a3f62d1c07be845.proposal --authority second
  amanat cosign /media/stick/*.proposal --authority second

One officer may revoke 20 in an hour and 60 in a day alone. What is above waits in that officer's A/outbox; the second
signature goes into the file. Then amanat attest of either officer publishes it: bring the file back, or run it here.";

pub(crate) const RENEW: &str = "\
Examples:
  amanat renew secretary --authority authority
  amanat renew secretary@cabinet.example --authority A --tier confidential

Needs a relay. The devices take their new certificates with their next connection. A clearance that is named
counts, as the most that they have, from the status statement that is published with it. A renewal that would end before
what they have is refused: take the officer whose certificate ends last.";

pub(crate) const DEVICE: &str = "\
Examples:
  amanat device list
  amanat device approve 4H7K-Q2M9-XW0R-51TZ

A further device is made with a second invitation. It is served, and reads, once another device of yours has approved it.";

pub(crate) const DEVICE_LIST: &str = "\
Examples:
  amanat device list
  amanat device list --json";

pub(crate) const DEVICE_APPROVE: &str = "\
Examples:
  amanat device approve 4H7K-Q2M9-XW0R-51TZ

Compare the code with the one that the new device shows. Approve nothing that you did not make yourself.";

pub(crate) const DEVICE_TRANSFER: &str = "\
Examples:
  amanat device transfer 3fa94c01 --out to-laptop.history     on the old device
  amanat device transfer --in to-laptop.history               on the new one

Messages and who said them, not the contents of documents. Top-secret conversations are left out.
The file opens on the one device that it was made for; twice changes nothing.";

pub(crate) const HISTORY: &str = "\
Examples:
  amanat history export --out mine.history
  amanat history import mine.history";

pub(crate) const HISTORY_EXPORT: &str = "\
Examples:
  amanat history export --out mine.history
  amanat history export 3fa94c01 --out budget.history

Scripts set AMANAT_HISTORY_PASSPHRASE. Conversations from secret upward are left out, and counted. A file of a device
that has since been revoked or replaced is not taken in any more: bring it over before.";

pub(crate) const HISTORY_IMPORT: &str = "\
Examples:
  amanat history import mine.history
  amanat history import --from-lost mine.history      the laptop that wrote it is gone

Only from your own devices, and from one that is approved. A conversation that this device is not in is shown as
archived. Messages from a file are marked so until they come from their authors.";

pub(crate) const PEOPLE: &str = "\
Examples:
  amanat people
  amanat people khan
  amanat people --json";

pub(crate) const CONVERSATIONS: &str = "\
Examples:
  amanat conversations
  amanat conversations --json";

pub(crate) const STATUS: &str = "\
Examples:
  amanat status
  amanat status --json";

pub(crate) const NEW: &str = "\
Examples:
  amanat new \"Budget 2031\" --tier confidential --member secretary clerk
  amanat new \"Audit paras\" --tier secret --member secretary --member clerk";

pub(crate) const ADD: &str = "\
Examples:
  amanat add 3fa94c01 director
  amanat add 3fa94c01 director clerk

They read what is written from now on, not what was written before.";

pub(crate) const REMOVE: &str = "\
Examples:
  amanat remove 3fa94c01 clerk";

pub(crate) const ROLE: &str = "\
Examples:
  amanat role 3fa94c01 director moderator
  amanat role 3fa94c01 director member

The founder of a group and its moderators add and remove people and change the title. Only the founder makes moderators;
where the founder is no longer a member, the moderators do.";

pub(crate) const LEAVE: &str = "\
Examples:
  amanat leave 3fa94c01";

pub(crate) const TITLE: &str = "\
Examples:
  amanat title 3fa94c01 \"Budget 2032\"";

pub(crate) const SEND: &str = "\
Examples:
  amanat send secretary \"The file is on its way.\"
  amanat send secretary --tier secret \"اجلاس کل صبح دس بجے ہوگا۔\"
  amanat send 3fa94c01 --file report.pdf
  amanat send 3fa94c01 - < note.txt
  amanat send 3fa94c01 --ask-ack \"Offices close at noon.\"
  amanat send 3fa94c01 --expires 7d \"The code is on my desk.\"
  amanat send 3fa94c01 --file orders.pdf --ask-ack --expires 30d
  amanat send 3fa94c01 --queue \"Sent when the relay can be reached.\"
  amanat send 3fa94c01 --reason \"The committee asked for it.\" - < witnesses.txt

What the leak filter finds is shown, and asked about on a terminal; scripts say --sure or --reason. Waits up to 10 seconds for the relay's receipt, for a document until it is uploaded.";

pub(crate) const REPLY: &str = "\
Examples:
  amanat reply 10aa94c0 \"Agreed.\"
  amanat reply 10aa94c0 - < answer.txt

`amanat read` and `amanat search` show the ids of messages.";

pub(crate) const REACT: &str = "\
Examples:
  amanat react 10aa94c0 👍
  amanat react 10aa94c0 --remove";

pub(crate) const EDIT: &str = "\
Examples:
  amanat edit 10aa94c0 \"The meeting is at eleven.\"

It is shown as edited. What was acknowledged before must be acknowledged again.";

pub(crate) const DELETE: &str = "\
Examples:
  amanat delete 10aa94c0

Its content is removed from every device that hears of it; that there was a message stays. Who has read it has read it.";

pub(crate) const ACK: &str = "\
Examples:
  amanat ack 10aa94c0

Acknowledges what the message says on this device now.";

pub(crate) const SEARCH: &str = "\
Examples:
  amanat search budget summary
  amanat search اجلاس --limit 10";

pub(crate) const SYNC: &str = "\
Examples:
  amanat sync
  amanat sync --wait 60    until something new came, a minute at most";

pub(crate) const PASSPHRASE: &str = "\
Examples:
  amanat passphrase
  amanat passphrase --profile ./secretary

Asks for the passphrase as it is, then twice for the new one. Scripts set AMANAT_PASSPHRASE and
AMANAT_NEW_PASSPHRASE. A copy of the profile that was made before still opens with the old one.";

pub(crate) const WARNINGS: &str = "\
Examples:
  amanat warnings
  amanat warnings --unread --read    what is new, and next time it is not

Each is kept when it is found, whether anybody looked or not: what nobody has read, and the last 500 that somebody has.";

pub(crate) const READ: &str = "\
Examples:
  amanat read 3fa94c01
  amanat read 3fa94c01 --since 40 --peek
  amanat read 3fa94c01 --json";

pub(crate) const WATCH: &str = "\
Examples:
  amanat watch
  amanat watch --json";

pub(crate) const DOCUMENTS: &str = "\
Examples:
  amanat documents 3fa94c01
  amanat documents 3fa94c01 --json
  amanat documents pause 77d01be2";

pub(crate) const DOCUMENTS_PAUSE: &str = "\
Examples:
  amanat documents pause 77d01be2";

pub(crate) const DOCUMENTS_RESUME: &str = "\
Examples:
  amanat documents resume 77d01be2";

pub(crate) const DOCUMENTS_CANCEL: &str = "\
Examples:
  amanat documents cancel 77d01be2";

pub(crate) const SAVE: &str = "\
Examples:
  amanat save 77d01be2 --out .
  amanat save 77d01be2 --out report.pdf        the same again after an interruption: it goes on";

pub(crate) const MEMBERS: &str = "\
Examples:
  amanat members 3fa94c01
  amanat members 3fa94c01 --json";

pub(crate) const VERIFY: &str = "\
Examples:
  amanat verify secretary
  amanat verify secretary --confirm    shows the number and asks whether every digit is the same
  amanat verify secretary --confirm 31415 92653 58979 32384 62643 38327 95028 84197 16939 93751 05820 97494

Read the number to each other by telephone or in person before. The second form is for scripts, which are not asked:
it confirms this number, and is refused where the number is another one by now.";

pub(crate) const BENCH: &str = "\
Examples:
  amanat bench pairs
  amanat bench pairs --json --dir /var/tmp
  amanat bench pairs --pairs 200 --seconds 10
  amanat bench fanout --members 200
  amanat bench drain --messages 50000
  amanat bench idle --links 10000
  amanat bench storm --devices 1000
  amanat bench start --entries 1000000
  amanat bench document --size 1GiB --runs 3
  amanat bench life

Measure a release build, on a machine that does nothing else, and name a folder on the disk that you ask about.";

pub(crate) const BENCH_PAIRS: &str = "\
Examples:
  amanat bench pairs
  amanat bench pairs --messages 2000 --runs 5 --dir /var/tmp
  amanat bench pairs --pairs 200 --seconds 10              as much as the relay bears
  amanat bench pairs --pairs 200 --rate 500 --seconds 30   how soon messages come at that rate

Measure a release build. The relay is a process of its own; both vaults are in this one. With --pairs there are no
vaults: this process speaks for all devices, with messages of 700 bytes that mean nothing, so that the relay is what is
measured.";

pub(crate) const BENCH_FANOUT: &str = "\
Examples:
  amanat bench fanout
  amanat bench fanout --members 50 --seconds 30 --rate 100

Measure a release build. The relay is a process of its own; this one speaks for all devices.";

pub(crate) const BENCH_DRAIN: &str = "\
Examples:
  amanat bench drain
  amanat bench drain --messages 100000 --conversations 50 --dir /var/tmp

Measure a release build. The relay is started again before the first run; each run is another device's.";

pub(crate) const BENCH_IDLE: &str = "\
Examples:
  amanat bench idle
  amanat bench idle --links 2000 --runs 1 --json

Measure a release build. Each link takes a file of either process: ulimit -n must be above their number.";

pub(crate) const BENCH_STORM: &str = "\
Examples:
  amanat bench storm
  amanat bench storm --devices 5000 --runs 5

Measure a release build. A device that is not served tries again after the pauses that clients make.";

pub(crate) const BENCH_START: &str = "\
Examples:
  amanat bench start
  amanat bench start --entries 100000 --runs 5
  amanat bench start --kill

Measure a release build. The entries are appended over links, so filling takes a minute or more.";

pub(crate) const BENCH_DOCUMENT: &str = "\
Examples:
  amanat bench document
  amanat bench document --size 256MiB --runs 5 --dir /var/tmp
  amanat bench document --runs 1 --cuts 5

Measure a release build. Sender, relay and recipient are a process each.";

pub(crate) const BENCH_LIFE: &str = "\
Examples:
  amanat bench life
  amanat bench life --runs 3 --json
  amanat bench life --devices 50 --epochs 60 --messages 10000

Measure a release build. The large group is made in this process, without links; all else goes over a relay of its own.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  amanat completions bash > /etc/bash_completion.d/amanat
  amanat completions zsh > ~/.zfunc/_amanat
  amanat completions fish > ~/.config/fish/completions/amanat.fish";

/// Of both `officer init` and `auditor init`.
pub(crate) const CARD_INIT: &str = "\
Examples:
  amanat officer init --out desk2
  amanat auditor init --out audit --name \"Director Audit\"

Writes the keys, closed with AMANAT_OFFICER_PASSPHRASE, and the card. Nothing is certified until the authority
has signed the card.";

pub(crate) const POLICY: &str = "\
Examples:
  amanat policy check policy.toml
  amanat policy diff policy.toml --before old.toml
  amanat policy simulate policy.toml --texts ./letters --tier official";

pub(crate) const POLICY_CHECK: &str = "\
Examples:
  amanat policy check policy.toml

What a source does not say is as in the built-in policy; protocol-spec/09-policy.md lists what it can say.";

pub(crate) const POLICY_DIFF: &str = "\
Examples:
  amanat policy diff policy.toml                        against the built-in policy
  amanat policy diff policy.toml --before old.toml";

pub(crate) const POLICY_SIMULATE: &str = "\
Examples:
  amanat policy simulate policy.toml --texts ./letters --tier official
  amanat policy simulate policy.toml --before old.toml --texts ./letters --tier restricted";

pub(crate) const POLICY_RECORDS: &str = "\
Examples:
  amanat policy records
  amanat policy records --since 40 --json

Kinds and counts, never what was written. What a text was sent for all the same is there with the reason that was given.";

pub(crate) const SCAN: &str = "\
Examples:
  amanat scan letter.txt --tier official
  amanat scan - --tier restricted < notes.txt
  amanat scan letter.txt --tier official --policy policy.toml

Exit status 0 whatever the verdict. It reads texts; a document is `unreadable` to it, with what the policy does then.";

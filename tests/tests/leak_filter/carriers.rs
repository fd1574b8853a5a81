//! What people write around a number: sentences with a word that tells its kind, sentences without, lists.

use super::slots::{Language, Writer};

/// The sentences of one kind, with `{value}`, and the kind's word in English and in Urdu.
struct Carriers {
    label: (&'static str, &'static str),
    english: &'static [&'static str],
    urdu: &'static [&'static str],
    mixed: &'static [&'static str],
}

/// Sentences that tell nothing about what the number is.
const BARE_ENGLISH: [&str; 7] = [
    "{name}: {value}",
    "Please note {value} for {name}.",
    "{value} - kindly check and confirm by {time}.",
    "As discussed, {value}",
    "{name}, {office}, {value}.",
    "Use {value} until {weekday}.",
    "{value}",
];
const BARE_URDU: [&str; 5] = [
    "{name}: {value}",
    "یہ نوٹ کر لیں: {value}",
    "{value} کی تصدیق کر کے {time} تک بتا دیں۔",
    "جیسا کہ بات ہوئی، {value}",
    "{value}",
];
const BARE_MIXED: [&str; 3] =
    ["{name} sahib: {value}", "Sir ye note kar lein {value}", "{value} check kar ke bata dein please"];

/// First lines of lists whose entries do not say what they are.
const LIST: [(&str, &str); 4] = [
    ("Details as asked for:", "مطلوبہ تفصیل:"),
    ("The following are to be processed by {date}:", "درج ذیل پر {date} تک کارروائی کی جائے:"),
    ("List for {office}", "فہرست برائے {office}"),
    ("Sir, please see below.", "جنابِ عالی، ملاحظہ فرمائیں۔"),
];

/// The values in a sentence, or in a list if there are many. `word`: a word that tells the kind is beside them. `tell`:
/// their form tells it, so that in a list the first line's word is enough.
pub(crate) fn carry(writer: &mut Writer, kind: &str, values: &[String], word: bool, tell: bool) -> String {
    let carriers = of(kind);
    if values.len() > 3 || (values.len() > 1 && writer.draw.one_in(2)) {
        return list(writer, &carriers, values, word, tell);
    }
    let template = match (word, writer.language) {
        (true, Language::English) => writer.draw.pick(carriers.english),
        (true, Language::Urdu) => writer.draw.pick(carriers.urdu),
        (true, Language::Mixed) => writer.draw.pick(carriers.mixed),
        (false, Language::English) => writer.draw.pick(&BARE_ENGLISH),
        (false, Language::Urdu) => writer.draw.pick(&BARE_URDU),
        (false, Language::Mixed) => writer.draw.pick(&BARE_MIXED),
    };
    let (comma, and) = match writer.language {
        Language::English => (", ", " and "),
        Language::Urdu => ("، ", " اور "),
        Language::Mixed => (", ", " aur "),
    };
    let joined = match values {
        [one] => one.clone(),
        [most @ .., last] => format!("{}{and}{last}", most.join(comma)),
        [] => String::new(),
    };
    writer.fill(template).replace("{value}", &joined)
}

fn list(writer: &mut Writer, carriers: &Carriers, values: &[String], word: bool, tell: bool) -> String {
    let label = if writer.is_urdu() { carriers.label.1 } else { carriers.label.0 };
    let on_each = word && (!tell || writer.draw.one_in(2));
    let first = writer.say(&LIST);
    let first = writer.fill(first);
    let mut lines = vec![match (word && !on_each, writer.is_urdu()) {
        (false, _) => first,
        (true, true) => format!("{label} کی فہرست"),
        (true, false) => format!("List of {label}s"),
    }];
    let form = writer.draw.below(4);
    for (at, value) in values.iter().enumerate() {
        let name = writer.fill("{name}");
        let shown = if on_each { format!("{label} {value}") } else { value.clone() };
        let number = writer.figures(&(at + 1).to_string());
        lines.push(match (form, writer.is_urdu()) {
            (0, true) => format!("{number}۔ {name}، {shown}"),
            (0, false) => format!("{number}. {name}, {shown}"),
            (1, _) => format!("{number}) {name} - {shown}"),
            (2, _) => format!("{name}: {shown}"),
            _ => format!("- {shown}"),
        });
    }
    lines.join("\n")
}

fn of(kind: &str) -> Carriers {
    match kind {
        "cnic" => CNIC,
        "nicop" => NICOP,
        "passport" => PASSPORT,
        "mobile" => MOBILE,
        "landline" => LANDLINE,
        "imsi" => IMSI,
        "imei" => IMEI,
        "iccid" => ICCID,
        "iban" => IBAN,
        "card" => CARD,
        "ntn" => NTN,
        "vehicle" => VEHICLE,
        "email" => EMAIL,
        _ => COORDINATES,
    }
}

const CNIC: Carriers = Carriers {
    label: ("CNIC", "شناختی کارڈ نمبر"),
    english: &[
        "{name} holds CNIC {value}.",
        "CNIC No. {value} may be verified from NADRA.",
        "Entry pass for {name} (CNIC: {value}) on {date}.",
        "Identity card number {value} is not readable on the copy.",
        "Please verify the CNIC of {name}, it is {value}, before {time}.",
        "NIC # {value}, {name}, {office}",
    ],
    urdu: &[
        "{name} کا شناختی کارڈ نمبر {value} ہے۔",
        "شناختی کارڈ {value} کی نادرا سے تصدیق کرائی جائے۔",
        "برائے داخلہ: {name}، قومی شناختی کارڈ نمبر {value}",
        "سی این آئی سی {value} درست نہیں پڑھا جا رہا۔",
    ],
    mixed: &[
        "{name} ka CNIC {value} hai, pass bana dein.",
        "Sir CNIC number یہ ہے {value}",
        "Shanakhti card {value} verify kar dein.",
    ],
};

const NICOP: Carriers = Carriers {
    label: ("NICOP", "نائیکوپ نمبر"),
    english: &[
        "{name} travels on NICOP {value}.",
        "NICOP No. {value} expires on {date}.",
        "The applicant abroad gave NICOP {value}.",
        "Overseas card (NICOP): {value}",
    ],
    urdu: &[
        "{name} کا نائیکوپ نمبر {value} ہے۔",
        "بیرونِ ملک پاکستانی کا نائیکوپ {value} زائد المیعاد ہے۔",
        "درخواست گزار کا NICOP نمبر {value} ہے۔",
    ],
    mixed: &["{name} ka NICOP {value} hai.", "NICOP number {value} renew کروانا ہے۔"],
};

const PASSPORT: Carriers = Carriers {
    label: ("passport number", "پاسپورٹ نمبر"),
    english: &[
        "{name} holds passport {value}, valid up to {date}.",
        "Passport No. {value} was sent to the embassy.",
        "Visa for {name} on official passport {value}.",
        "The passport number of {name} is {value}.",
        "PP# {value} - passport of {name}, flight {flight}",
    ],
    urdu: &[
        "{name} کا پاسپورٹ نمبر {value} ہے۔",
        "پاسپورٹ {value} ویزے کے لیے سفارت خانے بھیج دیا گیا ہے۔",
        "سرکاری پاسپورٹ نمبر {value} کی میعاد {date} تک ہے۔",
    ],
    mixed: &["{name} ka passport {value} hai, visa lagwana hai.", "Passport number یہ ہے {value}"],
};

const MOBILE: Carriers = Carriers {
    label: ("mobile number", "موبائل نمبر"),
    english: &[
        "The mobile number of {name} is {value}.",
        "Call {name} on cell {value} before {time}.",
        "Mobile: {value}",
        "{name} can be reached on WhatsApp {value}.",
        "Contact {name}, {post}, Cell No. {value}.",
    ],
    urdu: &[
        "{name} کا موبائل نمبر {value} ہے۔",
        "{name} سے موبائل {value} پر رابطہ کریں۔",
        "رابطہ نمبر: {value}",
        "ڈرائیور کا فون نمبر {value} نوٹ کر لیں۔",
    ],
    mixed: &[
        "{name} sahib ka mobile number {value} hai.",
        "WhatsApp کریں {value} پر",
        "Driver ka cell {value} hai, call kar lein.",
    ],
};

const LANDLINE: Carriers = Carriers {
    label: ("telephone number", "ٹیلی فون نمبر"),
    english: &[
        "The telephone number of {name} is {value}.",
        "Tel: {value}",
        "Residence phone of {name}: {value}.",
        "{name} may be called at home, phone {value}, after {time}.",
        "Ph. {value}, {city}",
    ],
    urdu: &[
        "{name} کے گھر کا ٹیلی فون نمبر {value} ہے۔",
        "فون: {value}",
        "رہائش گاہ کے فون نمبر {value} پر رابطہ کریں۔",
    ],
    mixed: &["Ghar ka phone number {value} hai.", "{name} ka landline {value} par try karein."],
};

const IMSI: Carriers = Carriers {
    label: ("IMSI", "آئی ایم ایس آئی نمبر"),
    english: &[
        "The IMSI of the SIM is {value}.",
        "IMSI {value} was seen in {city} on {date}.",
        "The operator may trace IMSI: {value}.",
        "Subscriber identity (IMSI) {value}, cell {count}",
    ],
    urdu: &["سم کا آئی ایم ایس آئی نمبر {value} ہے۔", "IMSI {value} کی لوکیشن {city} آئی ہے۔"],
    mixed: &["IMSI {value} trace karwana hai.", "SIM کا IMSI {value} ہے۔"],
};

const IMEI: Carriers = Carriers {
    label: ("IMEI", "آئی ایم ای آئی نمبر"),
    english: &[
        "The handset has IMEI {value}.",
        "IMEI: {value} was reported stolen on {date}.",
        "PTA may block the phone with IMEI {value}.",
        "Recovered one mobile phone (IMEI {value}) from {city}.",
    ],
    urdu: &[
        "موبائل فون کا آئی ایم ای آئی نمبر {value} ہے۔",
        "IMEI {value} والا فون {date} کو گم ہوا۔",
        "چوری شدہ فون کا IMEI نمبر {value} بلاک کرایا جائے۔",
    ],
    mixed: &["Phone ka IMEI {value} hai, block karwana hai.", "IMEI number {value} دیکھ لیں۔"],
};

const ICCID: Carriers = Carriers {
    label: ("ICCID", "سم سیریل نمبر"),
    english: &[
        "The SIM serial (ICCID) is {value}.",
        "SIM card {value} was issued to {name}.",
        "ICCID: {value}",
        "Please activate SIM {value} by {time}.",
    ],
    urdu: &["سم کارڈ کا سیریل نمبر {value} ہے۔", "{name} کو سم {value} جاری کی گئی۔"],
    mixed: &["SIM serial {value} activate karwa dein.", "SIM card کا ICCID {value} ہے۔"],
};

const IBAN: Carriers = Carriers {
    label: ("IBAN", "آئی بین نمبر"),
    english: &[
        "Salary of {name} may be credited to account {value}.",
        "IBAN: {value}",
        "Please transfer {money} to IBAN {value}.",
        "The bank account of {name} is {value}.",
        "A/C No. {value}, title {name}",
    ],
    urdu: &["{name} کا بینک اکاؤنٹ نمبر {value} ہے۔", "رقم آئی بین {value} میں منتقل کی جائے۔", "اکاؤنٹ: {value}"],
    mixed: &["{name} ka account number {value} hai.", "Payment اس IBAN میں بھیج دیں {value}"],
};

const CARD: Carriers = Carriers {
    label: ("card number", "کارڈ نمبر"),
    english: &[
        "The credit card number is {value}.",
        "{name} paid with card {value} at the hotel.",
        "Debit card {value} is to be blocked at once.",
        "Card: {value}, exp 09/28",
    ],
    urdu: &["کریڈٹ کارڈ نمبر {value} ہے۔", "{name} کا ڈیبٹ کارڈ {value} فوراً بلاک کریں۔", "بینک کارڈ: {value}"],
    mixed: &["Credit card {value} se payment ki hai.", "ATM card {value} block karwa dein."],
};

const NTN: Carriers = Carriers {
    label: ("NTN", "این ٹی این"),
    english: &[
        "The contractor's NTN is {value}.",
        "NTN No. {value} is not on the active list.",
        "Tax deducted against NTN {value} comes to {money}.",
        "National Tax Number: {value}",
    ],
    urdu: &[
        "ٹھیکیدار کا این ٹی این {value} ہے۔",
        "نیشنل ٹیکس نمبر {value} فعال نہیں۔",
        "NTN نمبر {value} کے تحت ٹیکس کٹا۔",
    ],
    mixed: &["Firm ka NTN {value} hai.", "{name} کا NTN {value} active نہیں۔"],
};

const VEHICLE: Carriers = Carriers {
    label: ("vehicle", "گاڑی نمبر"),
    english: &[
        "Vehicle No. {value} may be allowed to enter at Gate {gate}.",
        "The car {value} belongs to {name}.",
        "Registration number {value}, white Corolla",
        "The vehicle of {name} bears number {value}.",
        "Please issue a parking pass for car {value}.",
    ],
    urdu: &[
        "گاڑی نمبر {value} کو گیٹ {gate} سے اندر آنے دیں۔",
        "{name} کی گاڑی کا نمبر {value} ہے۔",
        "مشکوک گاڑی {value} {city} میں دیکھی گئی۔",
    ],
    mixed: &[
        "Gari number {value} ka pass bana dein.",
        "{name} ki car {value} gate par khari hai.",
        "Vehicle {value} کو اندر آنے دیں۔",
    ],
};

const EMAIL: Carriers = Carriers {
    label: ("e-mail", "ای میل"),
    english: &[
        "The private e-mail of {name} is {value}.",
        "Please send the draft to {value}.",
        "Email: {value}",
        "{name} does not open the office e-mail, write to {value} instead.",
    ],
    urdu: &[
        "{name} کا ذاتی ای میل {value} ہے۔",
        "مسودہ اس ای میل پر بھیجیں: {value}",
        "ای میل ایڈریس {value} نوٹ کر لیں۔",
    ],
    mixed: &["{name} ka email {value} hai.", "Draft یہاں email کر دیں {value}"],
};

const COORDINATES: Carriers = Carriers {
    label: ("location", "مقام"),
    english: &[
        "The location is {value}.",
        "Coordinates {value}, second house on the left.",
        "GPS: {value}",
        "The team will wait at {value} (lat, long) from {time}.",
    ],
    urdu: &[
        "مقام کے کوآرڈینیٹس {value} ہیں۔",
        "ٹیم اس لوکیشن پر پہنچے: {value}",
        "جگہ کے عرض بلد اور طول بلد {value} ہیں۔",
    ],
    mixed: &["Location ye hai {value}, {time} tak pohanch jayen.", "GPS coordinates {value} نوٹ کر لیں۔"],
};

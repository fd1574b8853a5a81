//! Words of an office: people, posts, offices, subjects. In English and in Urdu, in the same order.

/// Made-up people.
pub(crate) const NAMES: [(&str, &str); 32] = [
    ("Muhammad Asif", "محمد آصف"),
    ("Ayesha Siddiqa", "عائشہ صدیقہ"),
    ("Imran Qureshi", "عمران قریشی"),
    ("Sana Malik", "ثنا ملک"),
    ("Bilal Ahmed", "بلال احمد"),
    ("Fatima Zahra", "فاطمہ زہرا"),
    ("Usman Tariq", "عثمان طارق"),
    ("Nadia Hussain", "نادیہ حسین"),
    ("Zafar Iqbal", "ظفر اقبال"),
    ("Khadija Bibi", "خدیجہ بی بی"),
    ("Shahid Mehmood", "شاہد محمود"),
    ("Rabia Anwar", "رابعہ انور"),
    ("Gul Zaman", "گل زمان"),
    ("Mehwish Baloch", "مہوش بلوچ"),
    ("Abdul Rauf", "عبدالرؤف"),
    ("Saima Noor", "صائمہ نور"),
    ("Kashif Raza", "کاشف رضا"),
    ("Hina Yousaf", "حنا یوسف"),
    ("Sajjad Haider", "سجاد حیدر"),
    ("Amna Shah", "آمنہ شاہ"),
    ("Naveed Akhtar", "نوید اختر"),
    ("Farah Naz", "فرح ناز"),
    ("Waqar Soomro", "وقار سومرو"),
    ("Lubna Jatoi", "لبنیٰ جتوئی"),
    ("Arshad Khattak", "ارشد خٹک"),
    ("Maryam Afridi", "مریم آفریدی"),
    ("Faisal Mengal", "فیصل مینگل"),
    ("Rukhsana Parveen", "رخسانہ پروین"),
    ("Tahir Abbasi", "طاہر عباسی"),
    ("Zainab Cheema", "زینب چیمہ"),
    ("Haroon Bhatti", "ہارون بھٹی"),
    ("Noreen Akbar", "نورین اکبر"),
];

pub(crate) const POSTS: [(&str, &str); 12] = [
    ("Section Officer (Admin-II)", "سیکشن افسر (ایڈمن دوم)"),
    ("Deputy Secretary (Budget)", "ڈپٹی سیکرٹری (بجٹ)"),
    ("Joint Secretary", "جوائنٹ سیکرٹری"),
    ("Additional Secretary", "ایڈیشنل سیکرٹری"),
    ("Director (IT)", "ڈائریکٹر (آئی ٹی)"),
    ("Assistant Director", "اسسٹنٹ ڈائریکٹر"),
    ("Accounts Officer", "اکاؤنٹس افسر"),
    ("Superintendent", "سپرنٹنڈنٹ"),
    ("Private Secretary", "پرائیویٹ سیکرٹری"),
    ("Deputy Director (Coord)", "ڈپٹی ڈائریکٹر (رابطہ)"),
    ("Research Officer", "ریسرچ افسر"),
    ("Estate Officer", "اسٹیٹ افسر"),
];

pub(crate) const OFFICES: [(&str, &str); 14] = [
    ("Ministry of Interior", "وزارتِ داخلہ"),
    ("Establishment Division", "اسٹیبلشمنٹ ڈویژن"),
    ("Finance Division", "خزانہ ڈویژن"),
    ("Cabinet Division", "کابینہ ڈویژن"),
    ("Ministry of Law and Justice", "وزارتِ قانون و انصاف"),
    ("Planning Commission", "منصوبہ بندی کمیشن"),
    ("Federal Board of Revenue", "فیڈرل بورڈ آف ریونیو"),
    ("Ministry of Information", "وزارتِ اطلاعات"),
    ("Accounts Branch", "اکاؤنٹس برانچ"),
    ("IT Wing", "آئی ٹی ونگ"),
    ("Central Registry", "سنٹرل رجسٹری"),
    ("Public Works Department", "محکمہ تعمیراتِ عامہ"),
    ("Home Department, Lahore", "محکمہ داخلہ، لاہور"),
    ("Services Wing", "سروسز ونگ"),
];

pub(crate) const SUBJECTS: [(&str, &str); 20] = [
    ("Annual development programme", "سالانہ ترقیاتی پروگرام"),
    ("Repair of the conference hall", "کانفرنس ہال کی مرمت"),
    ("Purchase of printers and toner", "پرنٹرز اور ٹونر کی خریداری"),
    ("Promotion of ministerial staff", "عملے کی ترقی کے معاملات"),
    ("Minutes of the weekly meeting", "ہفتہ وار اجلاس کی روداد"),
    ("Security of the secretariat building", "سیکرٹریٹ کی عمارت کی حفاظت"),
    ("Revised budget estimates", "نظرثانی شدہ تخمینہ جات"),
    ("Training on e-Office", "ای آفس کی تربیت"),
    ("Confidential reports of staff for last year", "گزشتہ سال کی سالانہ خفیہ رپورٹیں"),
    ("Winter office timings", "موسمِ سرما کے دفتری اوقات"),
    ("Reply to National Assembly questions", "قومی اسمبلی کے سوالات کا جواب"),
    ("Disposal of unserviceable furniture", "ناکارہ فرنیچر کا نیلام"),
    ("Flood relief coordination", "سیلاب زدگان کی امداد میں رابطہ"),
    ("Court case in the Islamabad High Court", "اسلام آباد ہائی کورٹ میں زیرِ سماعت مقدمہ"),
    ("Restricted access to the car park", "پارکنگ میں محدود داخلہ"),
    ("Audit paras of the last two years", "گزشتہ دو سال کے آڈٹ پیرے"),
    ("Allotment of government accommodation", "سرکاری رہائش گاہوں کی الاٹمنٹ"),
    ("Election of the welfare association by secret ballot", "ویلفیئر ایسوسی ایشن کا انتخاب بذریعہ خفیہ رائے دہی"),
    ("Renewal of software licences", "سافٹ ویئر لائسنسوں کی تجدید"),
    ("Rationalisation of telephone charges", "ٹیلی فون اخراجات میں کمی"),
];

pub(crate) const CITIES: [(&str, &str); 12] = [
    ("Islamabad", "اسلام آباد"),
    ("Lahore", "لاہور"),
    ("Karachi", "کراچی"),
    ("Peshawar", "پشاور"),
    ("Quetta", "کوئٹہ"),
    ("Multan", "ملتان"),
    ("Faisalabad", "فیصل آباد"),
    ("Gilgit", "گلگت"),
    ("Muzaffarabad", "مظفرآباد"),
    ("Sukkur", "سکھر"),
    ("Sialkot", "سیالکوٹ"),
    ("Rawalpindi", "راولپنڈی"),
];

pub(crate) const MONTHS: [(&str, &str); 12] = [
    ("January", "جنوری"),
    ("February", "فروری"),
    ("March", "مارچ"),
    ("April", "اپریل"),
    ("May", "مئی"),
    ("June", "جون"),
    ("July", "جولائی"),
    ("August", "اگست"),
    ("September", "ستمبر"),
    ("October", "اکتوبر"),
    ("November", "نومبر"),
    ("December", "دسمبر"),
];

pub(crate) const WEEKDAYS: [(&str, &str); 5] =
    [("Monday", "پیر"), ("Tuesday", "منگل"), ("Wednesday", "بدھ"), ("Thursday", "جمعرات"), ("Friday", "جمعہ")];

/// What is in the store.
pub(crate) const STOCK: [(&str, &str); 12] = [
    ("A4 paper, ream", "کاغذ اے فور، رِم"),
    ("Toner 85A", "ٹونر 85A"),
    ("File covers", "فائل کور"),
    ("Ball pens, blue", "بال پوائنٹ، نیلے"),
    ("USB keyboards", "کی بورڈ"),
    ("UPS 3 kVA", "یو پی ایس"),
    ("Ceiling fans", "چھت کے پنکھے"),
    ("Steel almirahs", "لوہے کی الماریاں"),
    ("Visitor chairs", "مہمانوں کی کرسیاں"),
    ("LED lights 18 W", "ایل ای ڈی لائٹس"),
    ("CAT6 cable, m", "نیٹ ورک کیبل، میٹر"),
    ("Fire extinguishers", "آگ بجھانے کے آلات"),
];

/// Heads of account and what they are for.
pub(crate) const HEADS: [(&str, &str, &str); 8] = [
    ("A01101", "Pay of officers", "افسران کی تنخواہ"),
    ("A01151", "Pay of staff", "عملے کی تنخواہ"),
    ("A03201", "Postage and telegraph", "ڈاک"),
    ("A03303", "Electricity", "بجلی"),
    ("A03805", "Travelling allowance", "سفری الاؤنس"),
    ("A03901", "Stationery", "سٹیشنری"),
    ("A09601", "Plant and machinery", "مشینری"),
    ("A13101", "Repairs", "مرمت"),
];

/// Streets for the addresses of made-up subscribers.
pub(crate) const STREETS: [&str; 8] = [
    "House 14 Street 9 G-10/2",
    "Flat 3B Gulshan-e-Iqbal",
    "Mohalla Qasaban",
    "Chak 117 JB",
    "House 221 Sector F-11",
    "Near Jamia Masjid Saddar",
    "Village Khanpur",
    "Plot 7 Hayatabad Ph 2",
];

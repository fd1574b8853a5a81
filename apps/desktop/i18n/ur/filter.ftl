filter-found = اس متن میں: { $found }
filter-and = {"، "}
filter-more = { $count ->
    [one] مزید { $count } قسم
   *[other] مزید { $count } اقسام
 }
filter-unread = اس کا کچھ حصہ پڑھا نہیں جا سکا۔
filter-rules = { $count ->
    [one] قاعدہ: { $rules }
   *[other] قواعد: { $rules }
 }
filter-warn = یہ { $tier } درجے کی گفتگو کے لیے نہیں۔ اسے نکال دیں، یا پھر بھی بھیج دیں۔
filter-send = پھر بھی بھیجیں
filter-change = پھر بھی تبدیل کریں
filter-needs-reason = یہ وجہ کے بغیر { $tier } درجے کی گفتگو کے لیے نہیں۔ اسے نکال دیں، یا بتائیں کہ بھیجنا کیوں ضروری ہے: وجہ ریکارڈ میں رہے گی۔
filter-why = بھیجنا کیوں ضروری ہے
filter-send-reason = اس وجہ کے ساتھ بھیجیں
filter-change-reason = اس وجہ کے ساتھ تبدیل کریں
filter-approve = یہ یہاں نہیں بھیجا جا سکتا: { $tier } درجے پر کسی دوسرے شخص کی منظوری درکار ہے، جو ابھی مانگی نہیں جا سکتی۔ اسے نکال دیں۔
filter-refuse = یہ یہاں نہیں بھیجا جا سکتا: یہ { $tier } درجے کی گفتگو کے لیے نہیں۔ اسے نکال دیں، یا ایسی گفتگو میں لکھیں جس کے درجے کے لیے یہ ہو۔
kind-cnic = { $count ->
    [one] { $count } شناختی کارڈ نمبر
   *[other] { $count } شناختی کارڈ نمبر
 }
kind-nicop = { $count ->
    [one] { $count } نائیکوپ نمبر
   *[other] { $count } نائیکوپ نمبر
 }
kind-passport = { $count ->
    [one] { $count } پاسپورٹ نمبر
   *[other] { $count } پاسپورٹ نمبر
 }
kind-mobile = { $count ->
    [one] { $count } موبائل نمبر
   *[other] { $count } موبائل نمبر
 }
kind-landline = { $count ->
    [one] { $count } لینڈ لائن نمبر
   *[other] { $count } لینڈ لائن نمبر
 }
kind-imsi = { $count ->
    [one] { $count } صارف نمبر (IMSI)
   *[other] { $count } صارف نمبر (IMSI)
 }
kind-imei = { $count ->
    [one] { $count } ہینڈ سیٹ نمبر (IMEI)
   *[other] { $count } ہینڈ سیٹ نمبر (IMEI)
 }
kind-iccid = { $count ->
    [one] { $count } سم کارڈ نمبر (ICCID)
   *[other] { $count } سم کارڈ نمبر (ICCID)
 }
kind-iban = { $count ->
    [one] { $count } بینک اکاؤنٹ (IBAN)
   *[other] { $count } بینک اکاؤنٹ (IBAN)
 }
kind-card = { $count ->
    [one] { $count } ادائیگی کارڈ نمبر
   *[other] { $count } ادائیگی کارڈ نمبر
 }
kind-ntn = { $count ->
    [one] { $count } ٹیکس نمبر (NTN)
   *[other] { $count } ٹیکس نمبر (NTN)
 }
kind-vehicle = { $count ->
    [one] گاڑی کا { $count } رجسٹریشن نمبر
   *[other] گاڑیوں کے { $count } رجسٹریشن نمبر
 }
kind-email = { $count ->
    [one] { $count } ای میل پتہ
   *[other] { $count } ای میل پتے
 }
kind-coordinates = { $count ->
    [one] { $count } مقام کے کوآرڈینیٹس
   *[other] { $count } مقامات کے کوآرڈینیٹس
 }
kind-table = { $count ->
    [one] افراد کے کوائف کی { $count } فہرست
   *[other] افراد کے کوائف کی { $count } فہرستیں
 }
kind-marking = { $count ->
    [one] اس درجے سے اوپر کا { $count } نشان
   *[other] اس درجے سے اوپر کے { $count } نشان
 }
kind-other = { $kind } × { $count }

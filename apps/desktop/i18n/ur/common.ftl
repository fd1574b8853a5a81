app-name = امانت
cancel = منسوخ
settings = ترتیبات
lock = مقفل کریں
members = { $count ->
    [one] { $count } رکن
   *[other] { $count } ارکان
 }
date = {"\u200F"}{ $day } { $month } { $year }
day-today = آج
day-yesterday = گزشتہ کل
month-1 = جنوری
month-2 = فروری
month-3 = مارچ
month-4 = اپریل
month-5 = مئی
month-6 = جون
month-7 = جولائی
month-8 = اگست
month-9 = ستمبر
month-10 = اکتوبر
month-11 = نومبر
month-12 = دسمبر
tier-official = سرکاری
tier-restricted = محدود
tier-confidential = رازدارانہ
tier-secret = خفیہ
tier-top-secret = انتہائی خفیہ
link-connecting = رابطہ ہو رہا ہے…
link-up = نئی چیزیں لائی جا رہی ہیں…
link-caught-up = رابطہ قائم ہے
link-down = رابطہ نہیں: آپ کا لکھا محفوظ ہے، بعد میں بھیجا جائے گا
back = واپس
close = بند کریں
foreign-ministry = دوسری وزارت: { $ministry }
tier = درجہ

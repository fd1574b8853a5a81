person-devices = { $count ->
    [one] { $count } آلہ
   *[other] { $count } آلات
 }
person-verified = ✓ موازنہ شدہ
person-not-verified = موازنہ نہیں ہوا
person-refused = ✕ سند رد کی گئی
picker-field = نام، عہدہ یا پتہ
picker-chosen = { $name } ✕
picker-from-cache = ریلے سے پوچھا نہیں جا سکتا: یہ وہ لوگ ہیں جو یہاں معلوم ہیں۔
picker-asking = تلاش جاری ہے…
picker-nobody = آپ کے لکھے سے کوئی نہیں ملتا۔
new-title = نئی گفتگو
new-name = گروہ کا عنوان، جو سب ارکان دیکھیں گے
new-text = { $name } کے لیے پہلا پیغام
new-nobody = لکھنے کے لیے ایک شخص چنیں، یا گروہ کے لیے کئی۔
new-tier-chosen = ✓ { $tier }
new-barred-own = آپ کو { $tier } تک کی اجازت ہے۔
new-barred = { $name } کو { $tier } تک کی اجازت ہے۔
new-begin = شروع کریں
new-busy = کھولی جا رہی ہے…
question-title = کیا آپ کی مراد یہی ہیں؟
question-explained = آپ نے انہیں پہلے کبھی نہیں لکھا۔ نام، عہدہ اور وزارت دیکھ لیں: غلط شخص کو بھیجا ہوا واپس نہیں لیا جا سکتا۔
question-ministry = وزارت: { $ministry }
question-unverified = پہلے کوئی گفتگو نہیں، اور حفاظتی نمبر کا موازنہ نہیں ہوا۔
question-close = ملتا جلتا نام: { $name }، { $post } ({ $address })
question-send = جی ہاں، بھیجیں
question-begin = جی ہاں، شروع کریں

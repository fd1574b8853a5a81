unlock-passphrase = پاس فریز
unlock-explained = آپ کے پیغامات اس مشین پر سربمہر ہیں۔ پاس فریز انہیں کھولتا ہے۔
unlock-open = کھولیں
unlock-opening = کھل رہا ہے…
unlock-locking = مقفل ہے۔ کنجیاں اور متن میموری سے نکالے جا رہے ہیں۔
unlock-closing = بند ہو رہا ہے۔ جو بھیجنا باقی ہے وہ محفوظ ہے اور بعد میں بھیجا جائے گا۔

app-name = Amanat
cancel = Cancel
settings = Settings
lock = Lock
members = { $count ->
    [one] { $count } member
   *[other] { $count } members
 }
date = { $day } { $month } { $year }
day-today = Today
day-yesterday = Yesterday
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
tier-official = OFFICIAL
tier-restricted = RESTRICTED
tier-confidential = CONFIDENTIAL
tier-secret = SECRET
tier-top-secret = TOP SECRET
link-connecting = Connecting…
link-up = Fetching what is new…
link-caught-up = Connected
link-down = Offline: what you write is kept and sent later
back = Back
close = Close
foreign-ministry = Another ministry: { $ministry }
tier = Tier

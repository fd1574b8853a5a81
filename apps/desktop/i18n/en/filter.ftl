filter-found = In this text: { $found }
filter-and = {", "}
filter-more = { $count ->
    [one] { $count } more kind
   *[other] { $count } more kinds
 }
filter-unread = Not all of it could be read.
filter-rules = { $count ->
    [one] Rule: { $rules }
   *[other] Rules: { $rules }
 }
filter-warn = Not for a conversation at { $tier }. Take it out, or send it all the same.
filter-send = Send all the same
filter-change = Change all the same
filter-needs-reason = Not for a conversation at { $tier } without a reason. Take it out, or say why it has to be sent: that goes on record.
filter-why = Why it has to be sent
filter-send-reason = Send with this reason
filter-change-reason = Change with this reason
filter-approve = It cannot be sent here: at { $tier } a second person would have to approve it, which cannot be asked for yet. Take it out.
filter-refuse = It cannot be sent here: it is not for a conversation at { $tier }. Take it out, or use one at a tier that it is for.
kind-cnic = { $count ->
    [one] { $count } identity card number
   *[other] { $count } identity card numbers
 }
kind-nicop = { $count ->
    [one] { $count } NICOP number
   *[other] { $count } NICOP numbers
 }
kind-passport = { $count ->
    [one] { $count } passport number
   *[other] { $count } passport numbers
 }
kind-mobile = { $count ->
    [one] { $count } mobile number
   *[other] { $count } mobile numbers
 }
kind-landline = { $count ->
    [one] { $count } landline number
   *[other] { $count } landline numbers
 }
kind-imsi = { $count ->
    [one] { $count } subscriber number (IMSI)
   *[other] { $count } subscriber numbers (IMSI)
 }
kind-imei = { $count ->
    [one] { $count } handset number (IMEI)
   *[other] { $count } handset numbers (IMEI)
 }
kind-iccid = { $count ->
    [one] { $count } SIM card number (ICCID)
   *[other] { $count } SIM card numbers (ICCID)
 }
kind-iban = { $count ->
    [one] { $count } bank account (IBAN)
   *[other] { $count } bank accounts (IBAN)
 }
kind-card = { $count ->
    [one] { $count } payment card number
   *[other] { $count } payment card numbers
 }
kind-ntn = { $count ->
    [one] { $count } tax number (NTN)
   *[other] { $count } tax numbers (NTN)
 }
kind-vehicle = { $count ->
    [one] { $count } vehicle registration
   *[other] { $count } vehicle registrations
 }
kind-email = { $count ->
    [one] { $count } e-mail address
   *[other] { $count } e-mail addresses
 }
kind-coordinates = { $count ->
    [one] { $count } place by its coordinates
   *[other] { $count } places by their coordinates
 }
kind-table = { $count ->
    [one] { $count } table of persons’ data
   *[other] { $count } tables of persons’ data
 }
kind-marking = { $count ->
    [one] { $count } marking above this tier
   *[other] { $count } markings above this tier
 }
kind-other = { $count } × { $kind }

person-devices = { $count ->
    [one] { $count } device
   *[other] { $count } devices
 }
person-verified = ✓ compared
person-not-verified = not compared
person-refused = ✕ certificate refused
picker-field = Name, post or address
picker-chosen = { $name } ✕
picker-from-cache = The relay cannot be asked: these are people known here.
picker-asking = Looking…
picker-nobody = Nobody fits what you typed.
new-title = New conversation
new-name = Title of the group, as all members see it
new-text = First message to { $name }
new-nobody = Choose one person to write to, or several for a group.
new-tier-chosen = ✓ { $tier }
new-barred-own = You are cleared up to { $tier }.
new-barred = { $name } is cleared up to { $tier }.
new-begin = Begin
new-busy = Being opened…
question-title = Is this who you mean?
question-explained = You have not written to them before. Check name, post and ministry: what is sent cannot be called back from a wrong person.
question-ministry = Ministry: { $ministry }
question-unverified = No earlier conversation, and the safety number was not compared.
question-close = A name that is close: { $name }, { $post } ({ $address })
question-send = Yes, send
question-begin = Yes, begin

unlock-passphrase = Passphrase
unlock-explained = Your messages are sealed on this machine. The passphrase opens them.
unlock-open = Unlock
unlock-opening = Opening…
unlock-locking = Locked. Keys and text are being taken out of memory.
unlock-closing = Closing. What is queued is kept and sent later.
unlock-stopped = Amanat had to stop, and has locked itself.

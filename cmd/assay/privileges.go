package main

import (
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"assay/milter"
)

// userKey is the key of the config for whom the daemon becomes.
const userKey = "user"

// An account is whom a daemon that was started as root becomes.
type account struct {
	name     string // as the config names it
	login    string // as the system names the user; its number where it has no name
	home     string // its folder; "/" where it has no name
	uid, gid int
	groups   []int // every group, gid too
}

// findAccount looks up USER or USER:GROUP, each a name or a number. USER has the groups that it is a member of;
// GROUP takes the place of its primary one. The error is for whoever wrote the text.
func findAccount(text string) (*account, error) {
	name, group, grouped := strings.Cut(text, ":")
	a := &account{name: text, login: name, home: "/", gid: -1}
	entry, err := lookupUser(name)
	switch {
	case err == nil:
		a.uid, _ = strconv.Atoi(entry.Uid)
		a.gid, _ = strconv.Atoi(entry.Gid)
	case grouped && isID(name):
		a.uid, _ = strconv.Atoi(name)
	default:
		return nil, err
	}
	if entry != nil {
		a.login, a.home = entry.Username, entry.HomeDir
		if a.groups, err = groupsOf(entry); err != nil {
			return nil, fmt.Errorf("the groups of %s are not known: %w", name, err)
		}
	}
	if grouped {
		a.groups = slices.DeleteFunc(a.groups, func(gid int) bool { return gid == a.gid })
		if a.gid, err = findGroup(group); err != nil {
			return nil, err
		}
	}
	if a.uid == 0 {
		return nil, fmt.Errorf("%s is root; name a user without its rights", name)
	}
	if !slices.Contains(a.groups, a.gid) {
		a.groups = append([]int{a.gid}, a.groups...)
	}
	return a, nil
}

// isID tells whether text is a number that may be that of a user or group; the last one means none (setuid(2)).
func isID(text string) bool {
	id, err := strconv.ParseUint(text, 10, 32)
	return err == nil && id != 1<<32-1
}

func lookupUser(name string) (*user.User, error) {
	entry, err := user.Lookup(name)
	if err == nil {
		return entry, nil
	}
	if isID(name) {
		if entry, err = user.LookupId(name); err == nil {
			return entry, nil
		}
		return nil, fmt.Errorf("there is no user %s on this host; write its group, too, as %s:GROUP", name, name)
	}
	return nil, fmt.Errorf("there is no user %s on this host; make one with useradd --system %s, or name another", name, name)
}

func groupsOf(entry *user.User) ([]int, error) {
	ids, err := entry.GroupIds()
	groups := make([]int, 0, len(ids))
	for _, id := range ids {
		if gid, err := strconv.Atoi(id); err == nil && !slices.Contains(groups, gid) {
			groups = append(groups, gid)
		}
	}
	return groups, err
}

func findGroup(name string) (int, error) {
	entry, err := user.LookupGroup(name)
	switch {
	case err == nil:
		name = entry.Gid
	case !isID(name):
		return -1, fmt.Errorf("there is no group %s on this host; make one with groupadd --system %s, or name another", name, name)
	}
	return strconv.Atoi(name)
}

// account is whom the daemon is to become; nil when it stays who it is. The error is a ConfigErrors.
func (p *program) account(c *Config) (*account, error) {
	if p.uid != 0 || c.User == "" {
		return nil, nil
	}
	a, err := findAccount(c.User)
	if err != nil {
		return nil, ConfigErrors{{File: c.file, Line: c.lines[userKey], Key: userKey, Text: err.Error()}}
	}
	return a, nil
}

// accountNotes says what looks wrong with the user of the config, for a process of the user uid.
func (c *Config) accountNotes(uid int) []string {
	if c.User == "" {
		return nil
	}
	a, err := findAccount(c.User)
	switch {
	case err != nil:
		return []string{fmt.Sprintf("%s: user: %v", c.origin(userKey), err)}
	case uid != 0 && uid != a.uid:
		return []string{fmt.Sprintf("%s: user %s counts only for a daemon that is started as root; this is uid %d", c.origin(userKey), a.name, uid)}
	}
	return nil
}

// makeSocketFolders makes the folders of unix sockets, as /run is empty after a boot.
func (a *account) makeSocketFolders(addresses []milter.Address) error {
	if a == nil {
		return nil
	}
	for _, address := range addresses {
		if address.Network != "unix" {
			continue
		}
		if _, err := a.makeFolder(filepath.Dir(address.Address), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// giveSockets gives the unix sockets that root has bound to the account, so that the MTA reaches them by
// its group. A socket that has another group already, as in a folder with that bit set, keeps it.
func (a *account) giveSockets(addresses []milter.Address) error {
	for _, address := range addresses {
		if address.Network != "unix" {
			continue
		}
		if err := a.giveSocket(address.Address); err != nil {
			return fmt.Errorf("give %s to user %s: %w", address, a.name, err)
		}
	}
	return nil
}

func (a *account) giveSocket(path string) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) // it may not become another file
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFSOCK || stat.Uid != 0 || stat.Gid != 0 || stat.Nlink != 1 {
		return nil // not as it was bound
	}
	return unix.Fchownat(fd, "", a.uid, a.gid, unix.AT_EMPTY_PATH)
}

// takeOver gives the account what it needs when root is gone, and becomes it. Without an account nothing is done.
func (d *daemon) takeOver() error {
	a, c := d.account, d.config
	if a == nil {
		return nil
	}
	if err := a.giveSockets(slices.Concat(c.Milter.Listen, c.Metrics.Listen)); err != nil {
		return err
	}
	if file := d.historyFile(); file != "" {
		if err := a.takeHistory(file); err != nil {
			return fmt.Errorf("the folder of the history: %w", err)
		}
	}
	if err := errors.Join(a.become(), a.setEnvironment()); err != nil {
		return fmt.Errorf("can't become user %s: %w", a.name, err)
	}
	d.log.Info("no longer root", "user", a.name, "uid", a.uid, "gid", a.gid)
	return nil
}

// unreadable says that the account may not read a file again, and what to do; "" when it may, when there is no
// such file, and when the daemon is who it was at the start.
func (a *account) unreadable(name string) string {
	if a == nil || name == "" || !errors.Is(unix.Access(name, unix.R_OK), unix.EACCES) {
		return ""
	}
	return fmt.Sprintf("%s may not be read by user %s, who the daemon became: allow its group to (chgrp %d FILE; chmod g+r FILE), and restart to read it as root", name, a.name, a.gid)
}

// warnOfRights says what looks wrong with whom the daemon runs as.
func (d *daemon) warnOfRights() {
	c := d.config
	if d.p.uid == 0 && c.User == "" {
		d.log.Warn("this runs as root, and has no need to: make a user (useradd --system assay) and write user = \"assay\" in the config, or have the service started as that user")
	}
	for _, text := range c.accountNotes(d.p.uid) {
		d.log.Warn(text)
	}
	if text := d.account.lockedOut(d.historyFile()); text != "" {
		d.log.Warn("the history can't be kept", "error", text)
	}
	for _, file := range []string{c.file, c.ARC.TrustedSealersFile, c.SpoofedSendersFile} {
		if text := d.account.unreadable(file); text != "" {
			d.log.Warn("a reload will not see the changes of a file", "error", text)
		}
	}
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os/user"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// serviceUser is whom the packages run the daemon as.
const serviceUser = "assay"

// deniedNotes warns root, who may read everything, of the files that the daemon may not: those of a config without
// user are for the service of the packages, if its user is on this host.
func (c *Config) deniedNotes(uid int) []string {
	if uid != 0 {
		return nil
	}
	a, err := findAccount(cmp.Or(c.User, serviceUser))
	if err != nil {
		return nil // accountNotes tells
	}
	var notes []string
	for _, name := range a.denied(c.readByDaemon()) {
		notes = append(notes, fmt.Sprintf("%s may not be read by user %s, who the daemon runs as: chgrp %s FILE; chmod g+r FILE, and the folders above have to be open to it",
			printable(name), a.name, groupName(a.gid)))
	}
	return notes
}

// readByDaemon lists the files that the daemon reads with its user's rights, at the latest on a reload. With user, the key
// is read as root: one that only root may read stays in force until a restart.
func (c *Config) readByDaemon() []string {
	files := []string{c.file, c.ARC.TrustedSealersFile, c.SpoofedSendersFile}
	if c.ARC.Seal && c.User == "" {
		files = append(files, c.ARC.KeyFile)
	}
	return files
}

// groupName is the name of a group, or its number.
func groupName(gid int) string {
	id := strconv.Itoa(gid)
	if group, err := user.LookupGroupId(id); err == nil {
		return group.Name
	}
	return id
}

// denied tries to open files with the rights of the account, and returns those for which they are not enough: also
// where ACLs decide. It finds none where this process may not take those rights.
func (a *account) denied(names []string) []string {
	var list []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if !a.borrow() {
			return
		}
		for _, name := range names {
			if name != "" && errors.Is(tryOpen(name), unix.EACCES) {
				list = append(list, name)
			}
		}
	}()
	<-done
	return list
}

// borrow gives the calling thread, and no other, the rights of the account about files (setfsuid(2)), and tells
// whether it could. There is no way back.
func (a *account) borrow() bool {
	if strconv.IntSize < 64 {
		return false // setgroups has ids of 16 bits there
	}
	groups := make([]uint32, 0, len(a.groups)+1) // never empty: its first element has an address
	for _, gid := range append(a.groups[:len(a.groups):len(a.groups)], a.gid) {
		groups = append(groups, uint32(gid))
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0)
	if errno != 0 || unix.Setfsgid(a.gid) != nil || unix.Setfsuid(a.uid) != nil {
		return false
	}
	gid, gidErr := unix.SetfsgidRetGid(-1)
	uid, uidErr := unix.SetfsuidRetUid(-1)
	return gidErr == nil && uidErr == nil && gid == a.gid && uid == a.uid
}

// tryOpen opens a file for reading, without waiting for whoever writes to it.
func tryOpen(name string) error {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

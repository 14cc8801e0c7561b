package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// become makes the whole process one of the account, for good. After an error it may be half of
// each and has to end.
func (a *account) become() error {
	if err := syscall.Setgroups(a.groups); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(a.gid); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	if err := syscall.Setuid(a.uid); err != nil {
		return fmt.Errorf("setuid: %w", err)
	}
	if err := a.verify(); err != nil {
		return err
	}
	if err := keepFromRights(); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	return nil
}

// setEnvironment has the environment tell of the account, as that of a daemon does that was started by it: libraries
// go by it. The user that PostgreSQL is asked as, where nothing names one, would be root without PGUSER:
// package os/user keeps whom it found first.
func (a *account) setEnvironment() error {
	own := map[string]string{"USER": a.login, "LOGNAME": a.login, "HOME": a.home}
	if os.Getenv("PGUSER") == "" {
		own["PGUSER"] = a.login
	}
	for key, value := range own {
		if err := os.Setenv(key, value); err != nil {
			return fmt.Errorf("$%s: %w", key, err)
		}
	}
	return nil
}

// verify holds that nothing of root is left and that there is no way back.
func (a *account) verify() error {
	for what, ids := range map[string][3]int{"user": threeOf(unix.Getresuid()), "group": threeOf(unix.Getresgid())} {
		want := map[string]int{"user": a.uid, "group": a.gid}[what]
		if ids != [3]int{want, want, want} {
			return fmt.Errorf("the %s ids are %v", what, ids)
		}
	}
	groups, err := os.Getgroups()
	if err != nil {
		return fmt.Errorf("getgroups: %w", err)
	}
	if !sameSet(groups, a.groups) {
		return fmt.Errorf("the groups are %v", groups)
	}
	if syscall.Setuid(0) == nil || a.gid != 0 && syscall.Setgid(0) == nil {
		return errors.New("it could become root again")
	}
	return verifyCapabilities()
}

func threeOf(a, b, c int) [3]int { return [3]int{a, b, c} }

func sameSet(a, b []int) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// verifyCapabilities holds that setuid took the capabilities (capabilities(7)), as it does unless whoever
// started the process had it keep them.
func verifyCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	for _, d := range data {
		if d.Effective != 0 || d.Permitted != 0 {
			return errors.New("capabilities are left")
		}
	}
	return nil
}

// keepFromRights sets no_new_privs in every thread: nothing that the process would run can have more rights
// than it has (PR_SET_NO_NEW_PRIVS). prctl does so in one thread only, and syscall.AllThreadsSyscall does not work in
// programs with C code; a seccomp filter that is put in force in all threads takes no_new_privs with it. This one
// allows everything.
func keepFromRights() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	program := unix.SockFprog{Len: 1, Filter: &allow}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	switch {
	case errno != 0:
		return errno
	case thread != 0:
		return fmt.Errorf("thread %d has rules of its own", thread)
	}
	return nil
}

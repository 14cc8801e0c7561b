package milter

import "golang.org/x/sys/unix"

// isHungUp tells whether the other end of a connection sends nothing any more (poll(2), POLLRDHUP).
func isHungUp(fd uintptr) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0 && poll[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}

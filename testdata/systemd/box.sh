# box.sh ROOM FILES GROUP: becomes a systemd that sees this host's files and in their place those of FILES, and none of
# its processes, units, control groups or networks. It is the first process of name spaces of its own, in a
# new control group, which stays when all the rest that it writes is gone with it. The exit code is 77 where the kernel
# or this host's rights have no room for that.
trap 'exit 77' ERR
set -eE
room=$1 files=$2 group=$3 root=$1/root
if [[ -n $group ]]; then
	for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
		[[ ! -e $hierarchy/cgroup.procs ]] || { mkdir "$hierarchy/$group" && echo 0 >"$hierarchy/$group/cgroup.procs"; }
	done
	exec unshare --cgroup -- bash -c "$BASH_EXECUTION_STRING" box.sh "$room" "$files" ''
fi
mount --make-rprivate /
mount -t tmpfs tmpfs "$room"
mkdir "$room/upper" "$room/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
rm -rf "$root/etc/systemd/system" "$root"/usr/lib/systemd/system-generators/* "$root/etc/assay" "$root/var/lib/assay"
mkdir -p "$root/etc/systemd/system" "$root/etc/assay"
cp -a "$files/." "$root"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
printf '[Unit]\nWants=systemd-journald.service\nAfter=systemd-journald.service\n' >"$root/etc/systemd/system/box.target"
cd "$root"
mkdir -p .old
pivot_root . .old
umount -l /.old
trap - ERR
exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=box.target --log-target=console --show-status=no

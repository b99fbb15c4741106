# The first process of a host, in namespaces of its own, as dash reads it:
#   boot.sh NAME DISK SIZE
# DISK is what outlives a reboot; /tmp, of SIZE, does not.
set -eu
name=$1 disk=$2 size=$3
hostname "$name"
mount -t tmpfs -o mode=755 run /run
mkdir /run/sshd /run/disk
mount --bind "$disk" /run/disk
for file in passwd shadow; do mount --bind "/run/disk/etc/$file" "/etc/$file"; done
mount -t tmpfs -o "mode=1777,size=$size" tmp /tmp
cd /
# The other end of the network says when it is there.
read -r _ready
/usr/sbin/sshd -f /run/disk/etc/sshd_config -E /run/disk/sshd.log
echo up
# Whoever loses its parent comes to this process, which waits for it as an init does.
while :; do
    sleep 1000000 &
    wait
done

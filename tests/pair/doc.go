// Package pair shows on one machine, without virtual machines, what a pair of sites promises of its databases: streaming both ways over
// TLS, who is let in, backups in three places, a restore to a second, a failover with its time, and the way back. Two machines are two
// sets of namespaces with a root of their own (an overlay of this machine's, gone at the end), joined by a virtual cable. The files are the
// very ones that components/host renders; systemd alone is played by a short script. Its tests need root, PostgreSQL 15, pgBackRest and
// nftables, and say so by name where one is missing.
//
// What needs a kernel of its own (disks, boot, the firewall from outside) is shown by package hosts on virtual machines.
package pair

#!/bin/sh
# {{.Client}}, TaskFlow {{.Version}}: one file that makes your machine what was agreed, without the internet.
#
# This part is a script that you can read: it ends at the line __PAYLOAD__, and what comes after is a tar archive of more text, the
# release and packages. Before you run it, check who made it, with the public key that you were given by another way than this file:
#
#     minisign -V -P <public key> -m <this file>
#
# Then, as root on Debian 12:
#
#     sh <this file> help        all commands
#     sh <this file> duties      what is your part from now on
#     sh <this file> plan        what it would change, without changing anything
#     sh <this file> apply       change it
#     sh <this file> copied      say that you have put the secrets that it made in a safe place
set -eu
umask 077

client='{{.Client}}'
version='{{.Version}}'
offset='{{.Offset}}'
size='{{.Size}}'
sum='{{.SHA256}}'
bundles='{{.Bundles}}'

self=$0
answers=${BERTH_ANSWERS:-./answers}
made=/var/lib/berth/made # the secrets that this machine made for itself and that nobody said he has copied
diff=

say() { printf '%s\n' "$*" >&2; }
die() {
	say "$self: $*"
	exit 1
}

help() {
	cat <<END
$self: $client, TaskFlow $version.

  sh $self help             this text
  sh $self readme           what this is, and how to check it
  sh $self duties           what is your part from now on
  sh $self list             every file in it
  sh $self verify           whether it is whole (who made it: minisign, see readme)
  sh $self extract DIR      lay everything down in DIR, to read it
  sh $self plan [--diff]    what apply would change on this machine; changes nothing
  sh $self apply            change it; stopped half-way, run it again
  sh $self copied           the secrets that apply made are in a safe place: it names them no more
  sh $self report FILE      how this machine is, to send to us; holds no secrets

plan, apply and copied need root. What they have to ask they ask in a file (--answers FILE; default ./answers): the first run writes it with
every question, you fill it in, and run the command again. Exit codes: 0 done, 1 failed, 2 wrong use, 3 answers are missing,
10 (plan) there is something to change.
END
}

payload() { tail -c "+$((offset + 1))" "$self"; }

verify() {
	[ -r "$self" ] || die "cannot read myself: call me as sh FILE"
	have=$(wc -c <"$self")
	[ "$have" -eq $((offset + size)) ] || die "this file has $have bytes and should have $((offset + size)): it was cut short or added to; get it again"
	found=$(payload | sha256sum | cut -d' ' -f1)
	[ "$found" = "$sum" ] || die "the checksum is $found and should be $sum: the file was damaged; get it again"
}

work=
# shellcheck disable=SC2317 # the trap calls it
clean() { [ -z "$work" ] || rm -rf -- "$work"; }
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

unpack() { # the payload in a folder of root's that goes with this run
	mkdir -p /var/lib/berth
	work=$(mktemp -d /var/lib/berth/offline.XXXXXX)
	payload | tar -x -f - -C "$work" --no-same-owner
}

root() { [ "$(id -u)" = 0 ] || die "$1 needs root: call it with sudo"; }

debian() {
	if ! grep -q '^VERSION_CODENAME=bookworm' /etc/os-release 2>/dev/null || [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ]; then
		die "this is made for Debian 12 (bookworm) on amd64, and this machine is another; nothing was changed"
	fi
}

# answer NAME: its value from the answers, on standard output; fails where there is none. name=@/path is the content of a file.
answer() {
	[ -f "$answers" ] || return 1
	value=$(sed -n "s/^$1=//p" "$answers" | head -n 1)
	case $value in
	'') return 1 ;;
	@/*)
		[ -r "${value#@}" ] || die "$answers: $1 names the file ${value#@}, which is not there"
		cat -- "${value#@}"
		;;
	*) printf '%s\n' "$value" ;;
	esac
}

safe_answers() {
	# What a link leads to is somebody else's choice, and so is what would be made at its end.
	if [ -L "$answers" ]; then die "$answers is a link: name the file itself with --answers, in a folder that nobody else writes to"; fi
	[ -f "$answers" ] || return 0
	case $(stat -c '%a %u' -- "$answers") in
	'600 0' | '400 0') ;;
	*) die "$answers holds secrets: make it root's alone with chown root $answers && chmod 600 $answers" ;;
	esac
}

# fill BUNDLE: puts settings and secrets beside the bundle: those that came in this file, those of the answers, and those that this
# machine makes for itself. What lies on the machine already is left to berth-host. Adds to $work/missing what nobody knows.
fill() {
	dir=$work/bundles/$1 etc=/etc/berth/$1
	mkdir -p "$dir/secrets"
	: >"$dir/settings"
	while read -r name; do
		if value=$(sed -n "s/^$name=//p" "$work/settings") && [ -n "$value" ]; then
			printf '%s=%s\n' "$name" "$value" >>"$dir/settings"
		elif value=$(answer "$name"); then
			printf '%s=%s\n' "$name" "$value" >>"$dir/settings"
		elif ! grep -q "^$name=" "$etc/settings" 2>/dev/null; then
			printf '%s\n' "$name" >>"$work/missing"
		fi
	done <"$dir/settings.names"
	while read -r name; do
		if answer "$name" >"$work/value"; then
			mv "$work/value" "$dir/secrets/$name"
		elif [ -f "$etc/secrets/$name" ]; then
			:
		elif grep -qx "$name" "$work/generated"; then
			head -c 32 /dev/urandom | base64 -w 0 >"$dir/secrets/$name"
			printf '%s\n' "$etc/secrets/$name" >>"$work/making"
		else
			printf '%s\n' "$name" >>"$work/missing"
		fi
	done <"$dir/secrets.names"
	rm -f "$work/value"
	if [ -d "$work/debs" ]; then ln -s "$work/debs" "$dir/debs"; fi
}

ask() { # writes what is missing into the answers
	sort -u "$work/missing" -o "$work/missing"
	if [ ! -f "$answers" ]; then
		# Only where nothing is (-C): a link that was put there meanwhile is not followed.
		(set -C && printf '# Answers for %s. A value, or @/path/of/a/file that holds it. Keep this file to yourself.\n' "$client" >"$answers") ||
			die "$answers cannot be made: name another file with --answers"
	fi
	while read -r name; do
		if ! grep -q "^$name=" "$answers"; then
			{
				printf '\n'
				sed -n "s/^$name	/# /p" "$work/questions"
				printf '%s=\n' "$name"
			} >>"$answers"
		fi
		say "missing: $name"
	done <"$work/missing"
	say "fill in $answers, and run this again"
	exit 3
}

prepare() {
	root "$1"
	debian
	safe_answers
	unpack
	: >"$work/missing"
	: >"$work/making"
	for b in $bundles; do fill "$b"; done
	if [ -s "$work/missing" ]; then ask; fi
}

# remember_making: noted before they are made, so that a run that is stopped in between forgets none.
remember_making() {
	[ -s "$work/making" ] || return 0
	{
		if [ -f "$made" ]; then cat "$made"; fi
		cat "$work/making"
	} | sort -u >"$made.new"
	sync -- "$made.new"
	mv -f -- "$made.new" "$made"
}

not_copied() { # what was made, until somebody says that he has it
	[ -s "$made" ] || return 0
	say ""
	say "This machine made secrets for itself. Without them its data and backups cannot be read on another machine:"
	while read -r path; do say "  $path"; done <"$made"
	say "Copy them to a safe place now, such as a sealed envelope or your password store. Then say so: sh $self copied"
	say ""
}

copied() {
	root copied
	if [ ! -s "$made" ]; then
		say "there is none that nobody has copied"
		return
	fi
	while read -r path; do say "copied: $path"; done <"$made"
	rm -f -- "$made"
}

plan() {
	prepare plan
	changes=0
	for b in $bundles; do
		say "== $b"
		code=0
		# shellcheck disable=SC2086 # one option or none
		bash "$work/bundles/$b/berth-host" plan $diff "$work/bundles/$b" || code=$?
		case $code in
		0) ;;
		10) changes=1 ;;
		*) exit 1 ;;
		esac
	done
	if [ -s "$work/making" ]; then say "(the secrets that this machine makes for itself are made by apply)"; fi
	not_copied
	[ "$changes" = 0 ] || exit 10
	say "nothing to change"
}

lay_release() { # where the installer of releases looks before it looks on the network
	[ -d "$work/release" ] || return 0
	to=/var/lib/berth/releases/$version
	mkdir -p /var/lib/berth/releases
	rm -rf -- "$to.new"
	cp -R -- "$work/release" "$to.new"
	rm -rf -- "$to"
	mv -- "$to.new" "$to"
	sync
}

apply() {
	prepare apply
	remember_making
	lay_release
	for b in $bundles; do
		say "== $b"
		bash "$work/bundles/$b/berth-host" apply "$work/bundles/$b" || die "$b was applied in part: mend what the line above says, and run this again"
	done
	not_copied
	if [ -f "$answers" ]; then say "$answers is not needed any more: remove it, or keep it where only you can read it."; fi
	say "Done. Read your duties: sh $self duties"
}

command=${1:-help}
[ $# -eq 0 ] || shift
arguments=
while [ $# -gt 0 ]; do
	case $1 in
	--answers)
		[ $# -ge 2 ] || { help >&2; exit 2; }
		answers=$2
		shift
		;;
	--diff) diff=--diff ;;
	-*)
		help >&2
		exit 2
		;;
	*) arguments=$1 ;;
	esac
	shift
done

case $command in
help | --help | -h) help ;;
verify)
	verify
	say "whole: $size bytes after the script, SHA-256 $sum"
	;;
list)
	verify
	payload | tar -tv -f -
	;;
readme | duties)
	verify
	payload | tar -xO -f - "$(printf %s "$command" | tr '[:lower:]' '[:upper:]')"
	;;
extract)
	[ -n "$arguments" ] || { help >&2; exit 2; }
	verify
	mkdir -p -- "$arguments"
	payload | tar -x -f - -C "$arguments" --no-same-owner
	say "everything is in $arguments: begin with README"
	;;
plan)
	verify
	plan
	;;
apply)
	verify
	apply
	;;
copied) copied ;;
report)
	root report
	[ -n "$arguments" ] || { help >&2; exit 2; }
	[ -x /usr/local/sbin/berth-report ] || die "there is no report yet: apply this first"
	/usr/local/sbin/berth-report --out "$arguments"
	;;
*)
	help >&2
	exit 2
	;;
esac
exit 0
__PAYLOAD__

# shellcheck shell=bash
# Functions that every step of a bundle has. The applier, berth-host, reads this file before the step and runs both under
# `set -Eeuo pipefail` with one argument: check, apply or remove. From it comes BERTH_ACTION.
#
# A step is written once for check and apply: put and change know which of the two it is, and only say what they would do when it
# is check. What would and change print under check is what `berth-host plan` shows, one line for each thing.
#
#   BERTH_BUNDLE    the bundle's name
#   BERTH_ETC       its folder, /etc/berth/<bundle>
#   BERTH_LIB       the folder /usr/local/lib/berth/<bundle>, for files of the bundle that steps call
#   BERTH_ACTION    check, apply or remove
#   BERTH_SETTINGS  the file of settings that hold for this run, BERTH_SECRETS the folder of secrets
#   BERTH_CHANGED   under apply: the file that put notes changed paths in, so that units named by RestartOn are restarted
#   BERTH_WRITTEN   under apply: the file that put notes digests and paths in, so that a change is told from an intrusion

: "${BERTH_ACTION:=${1:-check}}"

# A step that dies says where, since the applier shows no more than what it printed.
trap 'printf "%s, line %s: failed (%s): %s\n" "${BERTH_STEP:-step}" "$LINENO" "$?" "$BASH_COMMAND" >&2' ERR

checking() { [ "$BERTH_ACTION" = check ]; }
applying() { [ "$BERTH_ACTION" = apply ]; }

# would TEXT: under check, one thing that would change; otherwise nothing.
would() { if checking; then printf '%s\n' "$*"; fi; }

# say TEXT: under apply and remove, what is being done, on standard error; under check nothing.
say() { if ! checking; then printf '%s\n' "$*" >&2; fi; }

# die TEXT: the step cannot go on.
die() {
	printf '%s\n' "$*" >&2
	exit 1
}

# has_setting NAME: whether there is a value that is not empty.
has_setting() { [ -n "$(sed -n "s/^$1=//p" "$BERTH_SETTINGS" 2>/dev/null)" ]; }

# setting NAME: prints its value, or fails naming it.
setting() {
	local name=$1 line
	if [ -r "$BERTH_SETTINGS" ]; then
		while IFS= read -r line || [ -n "$line" ]; do
			if [ "${line%%=*}" = "$name" ] && [ "$line" != "$name" ]; then
				printf '%s\n' "${line#*=}"
				return
			fi
		done <"$BERTH_SETTINGS"
	fi
	die "setting $name of bundle $BERTH_BUNDLE has no value: give it to whoever applies the bundle, or add $name=… to $BERTH_ETC/settings"
}

# secret NAME: prints its value as it was given, or fails naming it. Never put it in an argument: others see arguments.
secret() {
	if ! [ -r "$BERTH_SECRETS/$1" ]; then
		die "secret $1 of bundle $BERTH_BUNDLE has no value: give it to whoever applies the bundle, or write $BERTH_ETC/secrets/$1"
	fi
	cat -- "$BERTH_SECRETS/$1"
}

# change TEXT COMMAND…: under check prints TEXT, under apply says it and runs the command.
change() {
	local text=$1
	shift
	if checking; then
		printf '%s\n' "$text"
	elif applying; then
		printf '%s\n' "$text" >&2
		"$@"
	fi
}

# put MODE OWNER PATH: makes the file what standard input says, atomically; prints nothing when it already is. Mode and owner are
# mended too. Under check it only tells.
put() {
	local mode=$1 owner=$2 path=$3 folder new text=''
	folder=$(dirname -- "$path")
	if checking; then
		# All of it is read, even when the first byte differs: whoever writes into a closed pipe dies.
		text=$(sha256sum)
		if ! [ -e "$path" ]; then
			printf 'write %s\n' "$path"
		elif [ -L "$path" ] || ! [ -f "$path" ]; then # what it leads to, or waits for, is not looked at
			printf 'change %s\n' "$path"
		elif [ "$text" != "$(sha256sum <"$path")" ]; then
			printf 'change %s\n' "$path"
		elif [ "$(stat -c '%04a %U:%G' -- "$path")" != "$(printf '%04o' "0$mode") $owner" ]; then
			printf 'mode and owner of %s\n' "$path"
		fi
		return
	fi
	if ! applying; then
		cat >/dev/null
		return
	fi
	mkdir -p -- "$folder"
	new="$folder/.${path##*/}.berth-new"
	rm -f -- "$new"
	(umask 077 && set -C && cat >"$new") # -C: a link that somebody puts there is not followed
	chown -h -- "$owner" "$new"
	chmod -- "$mode" "$new"
	if [ -f "$path" ] && ! [ -L "$path" ] && cmp -s -- "$new" "$path"; then
		if [ "$(stat -c '%04a %U:%G' -- "$path")" = "$(stat -c '%04a %U:%G' -- "$new")" ]; then
			rm -f -- "$new"
			return
		fi
		text="mode and owner of $path"
	fi
	# Noted first: a kill in between restarts a unit once too often, not once too seldom.
	if [ -n "${BERTH_CHANGED:-}" ]; then printf '%s\n' "$path" >>"$BERTH_CHANGED"; fi
	sync -- "$new"
	mv -fT -- "$new" "$path"
	# What berth-integrity finds changed is explained by this.
	if [ -n "${BERTH_WRITTEN:-}" ]; then printf '%s\t%s\n' "$(sha256sum <"$path" | cut -c1-64)" "$path" >>"$BERTH_WRITTEN"; fi
	printf '%s\n' "${text:-write $path}" >&2
}

# gone PATH: the file is not there; under check tells that it would go.
gone() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		change "remove $1" rm -f -- "$1"
	fi
}

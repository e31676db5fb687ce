package bundle

import _ "embed"

// KeysScript is berth-keys, in bash: it makes a machine's key pairs on the machine. `berth-keys <folder> <generation>` prints
// wireguard=<public key, base64> and authority=<PEM certificates, base64>; what it leaves in the folder, it says itself. It reads
// nothing from standard input, so that it can be handed to `bash -s`.
//
//go:embed keys.sh
var KeysScript string

// KeysFolder is where a machine's keys lie.
const KeysFolder = "/etc/berth/keys"

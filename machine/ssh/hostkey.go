package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// preferred are the host key algorithms of a first contact, the best first.
var preferred = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// HostKeyError says that a machine showed another host key than the one that is known.
type HostKeyError struct {
	Known, Met string // fingerprints
	Key        string // the key that was met, as Target has it
}

func (e *HostKeyError) Error() string {
	return fmt.Sprintf("its host key is %s, and %s is the one that is known: either the machine was set up anew, or somebody else answers in its place; "+
		"nothing was sent to it\ncompare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the machine's own console; "+
		"if it is the machine, make this its hostKey:\n%s", e.Met, e.Known, e.Key)
}

// CheckHostKey tells whether a text is a host key such as "ssh-ed25519 AAAA…".
func CheckHostKey(text string) error {
	_, err := parseHostKey(text)
	return err
}

func parseHostKey(text string) (ssh.PublicKey, error) {
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || len(options) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("host key %q cannot be read: take the first two words of the machine's /etc/ssh/ssh_host_ed25519_key.pub, "+
			`such as "ssh-ed25519 AAAA…"`, shorten(text))
	}
	return key, nil
}

func shorten(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}

// hostKeyCheck is the check for a pinned key, and the algorithms that are asked for: those of that key and no others, since a machine
// has several keys and would show the one that it likes best.
func hostKeyCheck(pinned string) (func(ssh.PublicKey) error, []string, error) {
	if pinned == "" {
		return func(ssh.PublicKey) error { return nil }, preferred, nil
	}
	known, err := parseHostKey(pinned)
	if err != nil {
		return nil, nil, err
	}
	algorithms := []string{known.Type()}
	if known.Type() == ssh.KeyAlgoRSA { // the key's type names a signature that nobody makes any more
		algorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return func(met ssh.PublicKey) error {
		if bytes.Equal(met.Marshal(), known.Marshal()) {
			return nil
		}
		return &HostKeyError{Known: ssh.FingerprintSHA256(known), Met: ssh.FingerprintSHA256(met), Key: marshal(met)}
	}, algorithms, nil
}

// SameHostKey compares two host keys, comments aside. An empty one is the same as any.
func SameHostKey(a, b string) bool {
	if a == "" || b == "" {
		return true
	}
	x, errX := parseHostKey(a)
	y, errY := parseHostKey(b)
	if errX != nil || errY != nil {
		return a == b
	}
	return bytes.Equal(x.Marshal(), y.Marshal())
}

// Fingerprint is how people compare a host key.
func Fingerprint(hostKey string) string {
	key, err := parseHostKey(hostKey)
	if err != nil {
		return "?"
	}
	return ssh.FingerprintSHA256(key)
}

func marshal(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// signInError says what to do about a handshake that failed.
func (m *Machine) signInError(h Hop, met string, err error) error {
	var key *HostKeyError
	if errors.As(err, &key) {
		return key
	}
	var none *ssh.AlgorithmNegotiationError
	if errors.As(err, &none) && met == "" && h.HostKey != "" && strings.Contains(err.Error(), "host key") {
		return fmt.Errorf("it has no host key of the kind that is known (%s): it was set up anew or offers fewer kinds; "+
			"give another of its keys as hostKey: %w", strings.Fields(h.HostKey)[0], err)
	}
	if strings.Contains(err.Error(), "unable to authenticate") {
		return fmt.Errorf("it does not let %q in with %s\nadd the public key to that user's authorized_keys, or name another user: %w",
			h.User, m.means(), err)
	}
	return fmt.Errorf("%w\nsee that an SSH server answers there, and no other service", err)
}

// means is what was used to sign in, in words.
func (m *Machine) means() string {
	if m.options.PrivateKey != "" {
		return "the private key that is configured"
	}
	return "any key of the SSH agent"
}

package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// CheckPrivateKey tells whether a text is a private key that can be used.
func CheckPrivateKey(text string) error {
	_, err := parsePrivateKey(text)
	return err
}

func parsePrivateKey(text string) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey([]byte(text))
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, errors.New("the private key is protected by a passphrase: add it to the SSH agent (ssh-add) and configure none, " +
			"or configure a key without a passphrase that is for deploying only")
	case err != nil:
		// The parser's error is not repeated: it may quote what it read.
		return nil, errors.New("the private key cannot be read: give the whole file, from its BEGIN line to its END line, line ends included")
	}
	return signer, nil
}

// auth is how to sign in.
func (m *Machine) auth(ctx context.Context) ([]ssh.AuthMethod, error) {
	if m.options.PrivateKey != "" {
		signer, err := parsePrivateKey(m.options.PrivateKey)
		if err != nil {
			return nil, err
		}
		return []ssh.AuthMethod{ssh.PublicKeys(signer)}, nil
	}
	if m.options.Agent == "" {
		return nil, errors.New("there is no key to sign in with: configure a private key, or start an SSH agent and add a key to it (ssh-add), " +
			"so that SSH_AUTH_SOCK names it")
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", m.options.Agent)
	if err != nil {
		return nil, fmt.Errorf("ask the SSH agent that SSH_AUTH_SOCK names: %w\nstart it anew and add your key (ssh-add)", err)
	}
	m.closers = append(m.closers, conn.Close)
	keys := agent.NewClient(conn)
	list, err := keys.List()
	if err != nil {
		return nil, fmt.Errorf("ask the SSH agent for its keys: %w", err)
	}
	if len(list) == 0 {
		return nil, errors.New("the SSH agent has no key: add yours with ssh-add")
	}
	return []ssh.AuthMethod{ssh.PublicKeysCallback(keys.Signers)}, nil
}

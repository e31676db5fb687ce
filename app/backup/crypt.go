package backup

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/berth-iac/berth/app/fault"
)

// keyLength is what a passphrase must have at least: it is a key that a machine made, and not a word that somebody chose.
const keyLength = 40

// factor is scrypt's work for a passphrase: little, for it is as random as a key already.
const factor = 12

// Recipients are who can read a backup: age recipients (age1…). Where there are none, it is the passphrase, a long random text from a secret
// store, with which machines can read their own backups. With neither nothing is written.
func Recipients(list []string, passphrase string) ([]age.Recipient, error) {
	if len(list) > 0 {
		all, err := age.ParseRecipients(strings.NewReader(strings.Join(list, "\n")))
		if err != nil {
			return nil, fault.BadInput("backups.recipients", "they are not all age recipients", "make one with age-keygen, and keep its secret half elsewhere").Because(err)
		}
		return all, nil
	}
	if passphrase == "" {
		return nil, fault.BadInput("backups.recipients", "nobody is named who could read the backups, and nothing is written that is not encrypted",
			"make a pair with age-keygen, set backups.recipients to its public half (age1…), and keep the secret half elsewhere")
	}
	if len(passphrase) < keyLength {
		return nil, fault.BadInput("backups.key", fmt.Sprintf("it is shorter than %d letters", keyLength), "use a random text, as openssl rand -base64 48 makes them")
	}
	one, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("backups.key: %w", err)
	}
	one.SetWorkFactor(factor)
	return []age.Recipient{one}, nil
}

// Identities are what opens a backup: the lines of a key file of age-keygen, or the passphrase.
func Identities(keyFile []byte, passphrase string) ([]age.Identity, error) {
	if len(keyFile) > 0 {
		all, err := age.ParseIdentities(strings.NewReader(string(keyFile)))
		if err != nil {
			return nil, fault.BadInput("identity", "it is no file of age identities", "use the file that age-keygen wrote") // the error may show the file
		}
		return all, nil
	}
	if passphrase == "" {
		return nil, fault.BadInput("identity", "nothing is given that could open the backup", "name the file with the secret half: --identity FILE")
	}
	one, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("backups.key: %w", err)
	}
	one.SetMaxWorkFactor(factor + 2)
	return []age.Identity{one}, nil
}

// sealing compresses and encrypts. What is compressed goes to also, too, which is how a backup is verified while it is made.
type sealing struct {
	*zstd.Encoder
	encrypted io.WriteCloser
}

func newSealing(w, also io.Writer, to []age.Recipient) (*sealing, error) {
	if len(to) == 0 {
		return nil, errors.New("a backup is written for somebody, or not at all")
	}
	encrypted, err := age.Encrypt(w, to...)
	if err != nil {
		return nil, fmt.Errorf("encrypt the backup: %w", err)
	}
	packed, err := zstd.NewWriter(io.MultiWriter(encrypted, also), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxWindow), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, fmt.Errorf("compress the backup: %w", err)
	}
	return &sealing{packed, encrypted}, nil
}

func (s *sealing) Close() error {
	if err := s.Encoder.Close(); err != nil {
		return fmt.Errorf("compress the backup: %w", err)
	}
	if err := s.encrypted.Close(); err != nil {
		return fmt.Errorf("encrypt the backup: %w", err)
	}
	return nil
}

const maxWindow = 1 << 20

func unpack(r io.Reader) (io.ReadCloser, error) {
	packed, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("read the backup: %w", err)
	}
	return unpacked{packed.IOReadCloser()}, nil
}

// unpacked makes what decryption and decompression find wrong a damage of the backup.
type unpacked struct{ io.ReadCloser }

func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if _, away := errors.AsType[storageError](err); away {
		return n, err
	}
	return n, damaged("%w", err)
}

// storageError is that of the place of a backup, which is no fault of the backup.
type storageError struct{ error }

func (e storageError) Unwrap() error { return e.error }

type storageReader struct{ io.Reader }

func (s storageReader) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = storageError{err}
	}
	return n, err
}

// Open decrypts a stored backup, for Restore and Verify.
func Open(stored io.Reader, with []age.Identity) (io.ReadCloser, error) {
	plain, err := age.Decrypt(storageReader{stored}, with...)
	if none, is := errors.AsType[*age.NoIdentityMatchError](err); is {
		return nil, fault.Refused("the backup was not encrypted for this identity").Because(none)
	}
	if away, is := errors.AsType[storageError](err); is {
		return nil, away
	}
	if err != nil {
		return nil, damaged("%w", err)
	}
	return unpack(plain)
}

package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Version is the version of the form of Export.
const Version = 1

// MinKey is how long a key of fingerprints is at least, in bytes.
const MinKey = 32

// Export is a stack's state without its secrets.
type Export struct {
	Version int       `json:"version"` // 1
	Project string    `json:"project"`
	Stack   string    `json:"stack"`
	At      time.Time `json:"at"` // when it was exported
	// Comparable tells that the fingerprints were made with a key that the pipeline keeps: those of two exports can be compared.
	Comparable bool `json:"comparable"`
	// Secrets are those of the stack's file, by path, such as berth:backup-key.
	Secrets map[string]Secret `json:"secrets"`
	// Update is the last update that succeeded; nil when there is none.
	Update *Update `json:"update,omitempty"`
	// Notes say what was left out besides, in sentences.
	Notes []string `json:"notes,omitempty"`
	// Deployment is the state as `pulumi stack export` writes it, with fingerprints for secrets.
	Deployment apitype.UntypedDeployment `json:"deployment"`

	// New tells that nothing was exported, because the stack does not exist yet.
	New bool `json:"-"`
}

// Secret is one secret of the stack's file.
type Secret struct {
	Ciphertext  string `json:"ciphertext"`  // SHA-256 of the ciphertext in the file, in hexadecimal
	Fingerprint string `json:"fingerprint"` // what stands for its value in the state
}

// Update is the last update that succeeded, with the configuration that it ran with but for secrets.
type Update struct {
	Version int               `json:"version"`
	At      time.Time         `json:"at"`
	Config  map[string]string `json:"config"`
}

// Configured is one secret of the stack's file as only its owner can read it.
type Configured struct {
	Ciphertext string // as the file has it
	Value      string
}

// Input is what Make works on. It holds secrets in plain text.
type Input struct {
	Project, Stack string
	At             time.Time
	State          apitype.UntypedDeployment // with secrets in plain text
	Config         map[string]Configured     // by path
	Update         *Update
	Key            []byte // of fingerprints, MinKey bytes or more; nil: one that nobody keeps
}

// Digest is the digest of a ciphertext that an export keeps.
func Digest(ciphertext string) string {
	sum := sha256.Sum256([]byte(ciphertext))
	return hex.EncodeToString(sum[:])
}

// fingerprintPrefix begins every fingerprint. With what follows it is 38 letters long: the shortest secret that a resource
// of the stacks takes has to be able to hold it.
const fingerprintPrefix = "fingerprint-"

// Make takes the secrets out of a state.
func Make(in Input) (*Export, error) {
	if in.Key != nil && len(in.Key) < MinKey {
		return nil, fmt.Errorf("export stack %s without its secrets: the key of fingerprints has %d bytes, and %d are needed at least\n"+
			"make one with `openssl rand -hex 32`", in.Stack, len(in.Key), MinKey)
	}
	r := &redactor{key: in.Key, stack: in.Stack, config: map[string]string{}}
	if r.key == nil {
		r.key = make([]byte, MinKey)
		_, _ = rand.Read(r.key) // it never fails: the runtime aborts instead
	}
	export := &Export{Version: Version, Project: in.Project, Stack: in.Stack, At: in.At.UTC(), Comparable: in.Key != nil, Secrets: map[string]Secret{}}
	for path, secret := range in.Config {
		export.Secrets[path] = Secret{Ciphertext: Digest(secret.Ciphertext), Fingerprint: r.fingerprint(secret.Value)}
		if secret.Value != "" {
			r.config[secret.Value] = r.fingerprint(secret.Value)
		}
	}
	state, notes, err := r.state(in.State.Deployment)
	if err != nil {
		return nil, fmt.Errorf("export stack %s without its secrets: %w", in.Stack, err)
	}
	export.Notes = notes
	if in.Update != nil {
		update := *in.Update
		update.Config = map[string]string{}
		for key, value := range in.Update.Config {
			update.Config[key] = r.scrub.text(value)
		}
		export.Update = &update
	}
	export.Deployment = in.State
	if export.Deployment.Deployment, err = json.Marshal(state); err != nil {
		return nil, fmt.Errorf("export stack %s without its secrets: %w", in.Stack, err)
	}
	return export, nil
}

// redactor replaces secrets.
type redactor struct {
	key    []byte
	stack  string
	config map[string]string // fingerprints of the file's secrets, by value
	scrub  scrubber
}

// fingerprint is what stands for a secret text.
func (r *redactor) fingerprint(value string) string {
	mac := hmac.New(sha256.New, r.key)
	// A key that several stacks share must not tell that they share a secret.
	_, _ = fmt.Fprintf(mac, "berth fingerprint %d\x00%s\x00%s", Version, r.stack, value)
	return fingerprintPrefix + base32.StdEncoding.EncodeToString(mac.Sum(nil))[:26]
}

// What is dropped: parts of a state that nobody needs for a preview: how secrets are encrypted, and where on the pipeline's
// machine the program lay.
var droppedOfState, droppedOfResource = []string{"secrets_providers", "pending_operations"}, []string{"sourcePosition", "stackTrace"}

func (r *redactor) state(text []byte) (state map[string]any, notes []string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // as they are
	if err := decoder.Decode(&state); err != nil {
		return nil, nil, fmt.Errorf("read the state: %w", err)
	}
	if under, ok := state["pending_operations"].([]any); ok && len(under) > 0 {
		notes = append(notes, fmt.Sprintf("%d operations were under way when the state was exported, and are left out", len(under)))
	}
	for _, key := range droppedOfState {
		delete(state, key)
	}
	resources, _ := state["resources"].([]any)
	public := map[string]bool{}
	for _, one := range resources {
		resource, ok := one.(map[string]any)
		if !ok {
			return nil, nil, errors.New("read the state: a resource is no object")
		}
		for _, key := range droppedOfResource {
			delete(resource, key)
		}
		plainTexts(resource["inputs"], public)
	}
	known := maps.Clone(r.config)
	for _, one := range resources {
		resource := one.(map[string]any)
		if kind, _ := resource["type"].(string); strings.HasPrefix(kind, "pulumi:providers:") {
			r.credentials(resource)
		}
		for _, side := range []string{"inputs", "outputs"} {
			redacted, err := r.value(resource[side], false, public, known)
			if err != nil {
				return nil, nil, fmt.Errorf("%v: %s: %w", resource["urn"], side, err)
			}
			if redacted != nil {
				resource[side] = redacted
			}
		}
	}
	r.scrub = newScrubber(known)
	cleaned, _ := r.scrub.value(state).(map[string]any)
	return cleaned, notes, nil
}

// credentials takes out of a provider what it signs in with, unless the stack's file gives it: whoever previews has none,
// and what a provider signs in with is no part of what the stack is.
func (r *redactor) credentials(resource map[string]any) {
	for _, side := range []string{"inputs", "outputs"} {
		properties, _ := resource[side].(map[string]any)
		for name, value := range properties {
			secret, ok := value.(map[string]any)
			if !ok || !isSecret(secret) {
				continue
			}
			plain, err := opened(secret)
			text, isText := plain.(string)
			if _, configured := r.config[text]; err != nil || !isText || !configured {
				delete(properties, name)
			}
		}
	}
}

// The marks of a secret in a state.
const (
	signature = "4dabf18193072939515e22adb298388d"
	isASecret = "1b47061264138c4ac30d75fd1eb44270"
)

func isSecret(v map[string]any) bool { return v[signature] == isASecret }

// opened is the value of a secret.
func opened(secret map[string]any) (any, error) {
	text, ok := secret["plaintext"].(string)
	if !ok {
		return nil, errors.New("a secret is still encrypted: export with the stack's own passphrase or key")
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, errors.New("a secret's value cannot be read") // without the reason, which would repeat it
	}
	return value, nil
}

// value replaces secrets in a value; secret tells that it lies within one. What it replaces it adds to known, unless the
// state has the same text openly among what the program asked for.
func (r *redactor) value(v any, secret bool, public map[string]bool, known map[string]string) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if isSecret(v) {
			inner, err := opened(v)
			if err != nil {
				return nil, err
			}
			if inner, err = r.value(inner, true, public, known); err != nil {
				return nil, err
			}
			if secret {
				return inner, nil
			}
			text, err := json.Marshal(inner)
			return map[string]any{signature: isASecret, "plaintext": string(text)}, err
		}
		for key, field := range v {
			redacted, err := r.value(field, secret, public, known)
			if err != nil {
				return nil, err
			}
			v[key] = redacted
		}
	case []any:
		for i, item := range v {
			redacted, err := r.value(item, secret, public, known)
			if err != nil {
				return nil, err
			}
			v[i] = redacted
		}
	case string:
		if !secret || v == "" || isMark(v) {
			return v, nil
		}
		if !public[v] && len(v) >= shortest {
			known[v] = r.fingerprint(v)
		}
		return r.fingerprint(v), nil
	case json.Number:
		if secret {
			return r.fingerprint(v.String()), nil
		}
	case bool:
		if secret {
			return r.fingerprint(fmt.Sprint(v)), nil
		}
	}
	return v, nil
}

// isMark tells whether a text is one of Pulumi's own marks, of a value that is not known or of what kind a value is.
func isMark(text string) bool {
	return text == "04da6b54-80e4-46f7-96ec-b56ff0331ba9" || text == "c44067f5952c0a294b673a41bacd8c17" || text == "0def7320c3a5731c473e5ecbe6d01bc7"
}

// plainTexts collects the texts that stand openly in a value.
func plainTexts(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if isSecret(v) {
			return
		}
		for _, field := range v {
			plainTexts(field, into)
		}
	case []any:
		for _, item := range v {
			plainTexts(item, into)
		}
	case string:
		into[v] = true
	}
}

// Changed are the paths among those of the stack's file whose secret is not the one of the export, sorted: another
// ciphertext, or new.
func (e *Export) Changed(ciphertexts map[string]string) []string {
	var changed []string
	for _, path := range slices.Sorted(maps.Keys(ciphertexts)) {
		if e.Secrets[path].Ciphertext != Digest(ciphertexts[path]) {
			changed = append(changed, path)
		}
	}
	return changed
}

// Package redact takes the secrets out of a stack's state, so that the state can be handed to whoever previews a change
// without credentials or passphrases.
//
// Each secret value is replaced by a fingerprint: a keyed digest, which is the same wherever the stack has the same secret,
// so that a change of it still shows. The key is a secret of the pipeline that exports, or thrown away after the export:
// without it not even a secret of few possible values can be guessed from its fingerprint. Beside the state the export
// keeps, for each secret of the stack's file, a digest of its ciphertext: where the file still has the same ciphertext the
// fingerprint stands in for the secret, and nothing has to be decrypted.
//
// The package reads and writes data only: it must not know engines, clouds or commands.
package redact

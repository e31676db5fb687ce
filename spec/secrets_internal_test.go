package spec

import "testing"

// TestShortestSecrets holds that no text is left out for being short.
func TestShortestSecrets(t *testing.T) {
	for _, text := range []string{"a://b:c@", "xoxb-01234567"} {
		if !secretPattern.MatchString(text) || !looksSecret(text) {
			t.Errorf("%q is not known as a secret", text)
		}
		if shorter := text[:len(text)-1]; secretPattern.MatchString(shorter) || looksSecret(shorter) {
			t.Errorf("%q is known as a secret: the shortest is shorter than this package has it", shorter)
		}
	}
}

// FuzzLooksSecret holds that what is left out without a closer look has the form of no secret.
func FuzzLooksSecret(f *testing.F) {
	for _, text := range []string{"", "a://b:c@", "x://:@", "xoxb-01234567", "hf_012345678901234567890", "sk_live_0123456789012345"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if secretPattern.MatchString(text) && !looksSecret(text) {
			t.Errorf("%q has the form of a secret", text)
		}
	})
}

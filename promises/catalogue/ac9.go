package catalogue

import (
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/spec"
)

// AC9 is how users' passwords are kept.
func (catalogue) AC9() promises.Promise {
	return promises.Promise{
		ID:       "AC-9",
		Title:    "Passwords hashed with bcrypt",
		Sentence: "Your users' passwords are hashed with bcrypt; nobody can read one, not even we, and a lost one is replaced through reset instructions only.",
		Duties:   map[promises.Hosting]promises.Duty{promises.Service: promises.Ours},
		Parameters: func(promises.Hosting, *spec.Spec) []promises.Parameter {
			return []promises.Parameter{{Name: "hash", Value: "bcrypt"}, {Name: "cost", Value: "12 or more"}, {Name: "lost password", Value: "reset instructions to the user's own address, valid once"}}
		},
		Proofs: []promises.Proof{
			{Level: promises.Live, How: "the stored form of a test user's password is read and its cost compared; sign-in, reset and a second use of the same reset link are tried"},
		},
		Keywords: []string{
			"password hash", "passwords stored", "bcrypt", "support read password", "password reset", "lost password", "plain text password",
			"recover a password", "read user's password", "password storage", "are passwords stored in clear text", "credential storage",
			"password encryption", "user passwords stored", "password hashing", "hashed and salted", "forgotten password", "plaintext passwords",
			"password recovery", "salted hash",
		},
	}
}

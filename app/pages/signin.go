package pages

import "time"

// SignIn asks for address and password. POST /sign-in.
type SignIn struct {
	Chrome
	Form
	Email string
	Next  string // the path to go on to
}

func (SignIn) about() about { return about{template: "sign-in", title: "Sign in", plain: true} }

// SecondFactor asks for the six digits of an authenticator. POST /sign-in/code.
type SecondFactor struct {
	Chrome
	Form
	Next string
}

func (SecondFactor) about() about {
	return about{template: "second-factor", title: "Second step", plain: true}
}

// RecoveryCode asks for a recovery code instead. POST /sign-in/recovery.
type RecoveryCode struct {
	Chrome
	Form
	Next string
}

func (RecoveryCode) about() about {
	return about{template: "recovery-code", title: "Recovery code", plain: true}
}

// Forgotten asks where to send reset instructions (AC-9). POST /forgotten. Once sent it says the same for every address.
type Forgotten struct {
	Chrome
	Form
	Email string
	Sent  bool
}

func (Forgotten) about() about {
	return about{template: "forgotten", title: "Forgotten password", plain: true}
}

// Policy is what a password has to keep (AC-7), as sentences.
type Policy struct {
	MinLength int
	Rules     []string // "an upper-case and a lower-case letter"
	MaxDays   int      // 0: it does not have to be changed regularly
}

// SetPassword accepts an invitation or ends a reset: POST /invitation/{token} or /reset/{token}.
type SetPassword struct {
	Chrome
	Form
	Token      string
	Invitation bool   // otherwise it is a reset
	Inviter    string // who invited
	Email      string // whose account it is
	Name       string // asked for with an invitation
	Policy     Policy
}

func (p SetPassword) about() about {
	if p.Invitation {
		return about{template: "set-password", title: "Accept your invitation", plain: true}
	}
	return about{template: "set-password", title: "Choose a new password", plain: true}
}

// LinkExpired is where a reset or invitation link leads that is used up or too old.
type LinkExpired struct {
	Chrome
	Invitation bool
}

func (LinkExpired) about() about {
	return about{template: "link-expired", title: "This link no longer works", plain: true}
}

// SecondFactorSetup adds an authenticator: POST /me/second-factor. The picture is at /me/second-factor/qr.png.
type SecondFactorSetup struct {
	Chrome
	Form
	Secret    string // in groups of four
	Mandatory bool   // there is no way around it: the policy or the role wants it
}

func (p SecondFactorSetup) about() about {
	return about{template: "second-factor-setup", title: "Set up your second step", here: "me", plain: p.Mandatory}
}

// RecoveryCodes are shown once, right after they were made.
type RecoveryCodes struct {
	Chrome
	Codes []string
	Next  string
}

func (RecoveryCodes) about() about {
	return about{template: "recovery-codes", title: "Keep your recovery codes", here: "me"}
}

// Confirm asks who is signed in for the password once more, before something dangerous. POST /confirm.
type Confirm struct {
	Chrome
	Form
	Doing string // "delete the project Website"
	Next  string
	Code  bool // a second factor is set up: its code is asked for, too
}

func (Confirm) about() about {
	return about{template: "confirm", title: "Confirm that it is you", plain: true}
}

// Failure is a page for what went wrong.
type Failure struct {
	Chrome
	Kind       FailureKind
	Reference  string        // what to tell the people who look into the log
	RetryAfter time.Duration // for FailureTooMany and FailureAway
	Words      string        // for FailureForbidden and FailureInvalid: why, in words that may be shown
}

// FailureKind picks the words of the page.
type FailureKind string

// The kinds of failure. FailureMissing tells nothing: not whether the thing, the page or even the client exists.
const (
	FailureForbidden FailureKind = "403"
	FailureMissing   FailureKind = "404"
	FailureInvalid   FailureKind = "400"
	FailureOversize  FailureKind = "413"
	FailureTooMany   FailureKind = "429"
	FailureInternal  FailureKind = "500"
	FailureAway      FailureKind = "503"
	FailureSuspended FailureKind = "suspended"
	FailureStale     FailureKind = "stale" // the form's token is too old
)

func (p Failure) about() about {
	titles := map[FailureKind]string{
		FailureForbidden: "You may not do that", FailureMissing: "There is nothing here", FailureInvalid: "That did not make sense",
		FailureOversize: "That is too large", FailureTooMany: "One moment, please", FailureInternal: "Something went wrong",
		FailureAway: "Back in a moment", FailureSuspended: "This workspace is paused", FailureStale: "This page was open for too long",
	}
	title := titles[p.Kind]
	if title == "" {
		title = titles[FailureInternal]
	}
	return about{template: "failure", title: title}
}

// Seconds is RetryAfter, rounded up.
func (p Failure) Seconds() int { return int((p.RetryAfter + time.Second - 1) / time.Second) }

// Bare tells whether the page must not even show the client's name.
func (p Failure) Bare() bool { return p.Client == "" }

package pages

import "time"

// Profile is who I am: POST /me/profile.
type Profile struct {
	Chrome
	Form
	Name   string
	Handle string
	Email  string
	Zones  []Option // time zones
}

func (Profile) about() about { return about{template: "profile", title: "Profile", here: "me"} }

// Appearance is how I see it: POST /me/appearance.
type Appearance struct {
	Chrome
	Form
}

func (Appearance) about() about {
	return about{template: "appearance", title: "Appearance", here: "me"}
}

// PasswordChange is POST /me/password.
type PasswordChange struct {
	Chrome
	Form
	Policy  Policy
	Changed time.Time
	Due     time.Time // when it has to be changed; zero: never
	Forced  bool      // it has to be changed now
}

func (p PasswordChange) about() about {
	return about{template: "password", title: "Password", here: "me", plain: p.Forced}
}

// FactorStatus is whether I have a second factor. GET /me/second-factor.
type FactorStatus struct {
	Chrome
	Form
	Enabled   bool
	Since     time.Time
	CodesLeft int
	Mandatory bool
}

func (FactorStatus) about() about {
	return about{template: "factor-status", title: "Second step", here: "me"}
}

// Sessions are where I am signed in. GET /me/sessions.
type Sessions struct {
	Chrome
	Items []Session
}

// Session is one place.
type Session struct {
	ID      string
	Device  string // "Firefox on Linux"
	Address string
	Began   time.Time
	Seen    time.Time
	Current bool
}

func (Sessions) about() about { return about{template: "sessions", title: "Sessions", here: "me"} }

// Tokens are my API tokens: POST /me/tokens.
type Tokens struct {
	Chrome
	Form
	Items   []Token
	Fresh   string // a token just made: shown this once
	Name    string
	Scopes  []Option
	Expires []Option
}

// Token is one of them; its secret is not known any more.
type Token struct {
	ID      string
	Name    string
	Start   string // enough of it to tell it from others
	Scopes  []string
	Created time.Time
	Used    time.Time // zero: never
	Expires time.Time
	Expired bool
}

func (Tokens) about() about { return about{template: "tokens", title: "API tokens", here: "me"} }

// NotificationChoices is what I want to be told of: POST /me/notifications.
type NotificationChoices struct {
	Chrome
	Form
	Choices []NotificationChoice
}

// NotificationChoice is one occasion: field mail-{ID}. On the site everybody is told of all.
type NotificationChoice struct {
	ID    string
	Words string
	Mail  bool
}

func (NotificationChoices) about() about {
	return about{template: "notification-choices", title: "Notification choices", here: "me"}
}

// Package mail writes messages and gives them to an SMTP server. What is in a message is the caller's; the outbox, which keeps
// messages until they are sent, is elsewhere, and asks here whether and when to try again.
//
// Neither the errors nor anything else that leaves this package has a message's content, a recipient or a password in it.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/berth-iac/berth/app/fault"
)

// How the connection to the server is encrypted.
const (
	TLSNone     = "none"     // not at all; for a server on this machine
	TLSStart    = "starttls" // it begins in the clear and has to become encrypted
	TLSImplicit = "tls"      // from the start
)

// Options say which server sends.
type Options struct {
	Host     string
	Port     int            // 0 is 587, with TLSImplicit 465, with TLSNone 25
	TLS      string         // TLSNone, TLSStart or TLSImplicit; "" is TLSStart
	Roots    *x509.CertPool // that the server's certificate must come from; nil is the system's
	User     string         // "" for a server that asks for none
	Password string
	From     netmail.Address // of all messages
	Helo     string          // how this machine calls itself; "" is the domain of From
	Timeout  time.Duration   // of each step; 0 is 15 s
}

// Message is one to one person.
type Message struct {
	To      netmail.Address
	Subject string
	Text    string    // plain text; required
	HTML    string    // the same as HTML; "" for none
	ID      string    // unique, such as a UUID: the same message sent twice can be told by it; required
	Date    time.Time // required
	// Unsubscribe is an https address that stops messages of this kind; "" for messages that one cannot do without.
	Unsubscribe string
}

// Sender sends. It opens a connection for each message and keeps none.
type Sender struct {
	o      Options
	domain string
}

// NewSender checks the options, all problems at once. It does not connect.
func NewSender(o Options) (*Sender, error) {
	var all []error
	bad := func(field, msg, fix string) { all = append(all, fault.BadInput(field, msg, fix)) }
	if o.TLS == "" {
		o.TLS = TLSStart
	}
	ports := map[string]int{TLSNone: 25, TLSStart: 587, TLSImplicit: 465}
	if ports[o.TLS] == 0 {
		bad("tls", fmt.Sprintf("%q is no way to encrypt", o.TLS), "choose none, starttls or tls")
	}
	if o.Port == 0 {
		o.Port = ports[o.TLS]
	}
	if o.Host == "" || strings.ContainsFunc(o.Host, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		bad("host", "the mail server has no name", "give it, such as smtp.example.com")
	}
	if o.Port < 1 || o.Port > 65535 {
		bad("port", fmt.Sprintf("%d is no port", o.Port), "give 25, 465 or 587")
	}
	if o.TLS == TLSNone && o.User != "" {
		bad("tls", "the password would be sent in the clear", "choose starttls or tls, or no user")
	}
	if (o.User == "") != (o.Password == "") {
		bad("password", "there is a user without a password, or a password without a user", "give both or neither")
	}
	domain, err := check(o.From)
	if err != nil {
		bad("from", "it is no address", "give one such as taskflow@example.com")
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.Helo == "" {
		o.Helo = domain
	}
	if len(all) > 0 {
		return nil, errors.Join(all...)
	}
	return &Sender{o: o, domain: domain}, nil
}

var ids = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

// check tells whether an address can be written into a message, and gives its domain.
func check(a netmail.Address) (domain string, err error) {
	parsed, err := netmail.ParseAddress((&netmail.Address{Address: a.Address}).String())
	at := strings.LastIndex(a.Address, "@")
	if err != nil || parsed.Address != a.Address || at < 1 || len(a.Address) > 254 || strings.ContainsFunc(a.Address, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return "", errors.New("it is no address of mail")
	}
	return a.Address[at+1:], nil
}

// line makes one line of a text, for a header.
func line(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return string(runes)
}

// Compose gives the message as it is sent, by RFC 5322. An address that cannot be written to is a Failure that is not temporary.
func (s *Sender) Compose(m Message) ([]byte, error) {
	message, err := s.compose(m)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := message.WriteTo(&out); err != nil {
		return nil, &Failure{During: "compose"}
	}
	return out.Bytes(), nil
}

func (s *Sender) compose(m Message) (*gomail.Msg, error) {
	refuse := func(during string) (*gomail.Msg, error) { return nil, &Failure{During: during} }
	if _, err := check(m.To); err != nil {
		return refuse("recipient's address")
	}
	if m.Text == "" || m.Date.IsZero() || !ids.MatchString(m.ID) {
		return refuse("compose")
	}
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP))
	out.FromMailAddress(&netmail.Address{Name: line(s.o.From.Name, 100), Address: s.o.From.Address})
	out.ToMailAddress(&netmail.Address{Name: line(m.To.Name, 100), Address: m.To.Address})
	out.Subject(line(m.Subject, 200))
	out.SetMessageIDWithValue(m.ID + "@" + s.domain)
	out.SetDateWithValue(m.Date)
	out.SetGenHeader("Auto-Submitted", "auto-generated") // so that nobody's absence is answered
	if m.Unsubscribe != "" {
		if !strings.HasPrefix(m.Unsubscribe, "https://") || strings.ContainsAny(m.Unsubscribe, "<>, \r\n\t") {
			return refuse("compose")
		}
		if err := out.SetListUnsubscribeOneClick(m.Unsubscribe); err != nil {
			return refuse("compose")
		}
	}
	out.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		out.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return out, nil
}

// Send gives the message to the server. An error is ctx's, or a *Failure. It ends within a few times the timeout.
func (s *Sender) Send(ctx context.Context, m Message) error {
	message, err := s.compose(m)
	if err != nil {
		return err
	}
	options := []gomail.Option{
		gomail.WithPort(s.o.Port), gomail.WithTimeout(s.o.Timeout), gomail.WithHELO(s.o.Helo), gomail.WithoutNoop(),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.o.Host, RootCAs: s.o.Roots, MinVersion: tls.VersionTLS12}),
	}
	switch s.o.TLS {
	case TLSNone:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case TLSStart:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		options = append(options, gomail.WithSSL())
	}
	if s.o.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.o.User), gomail.WithPassword(s.o.Password))
	}
	client, err := gomail.NewClient(s.o.Host, options...)
	if err != nil {
		return &Failure{Temporary: true, During: "prepare"}
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return failure(ctx, "connect", err)
	}
	err = client.SendWithSMTPClient(conn, message)
	// What the server says when it is left changes nothing any more.
	_ = client.CloseWithSMTPClient(conn)
	if err != nil {
		return failure(ctx, "send", err)
	}
	return nil
}

// Failure is a message that was not sent, or of which it is not known.
type Failure struct {
	Temporary bool   // try again later
	During    string // connect, sign in, recipient's address, send …
	Code      int    // of SMTP, such as 550; 0 for none
	Enhanced  string // such as 5.1.1; "" for none
	Hint      string // for who runs the service; "" for none
}

// Error says what happened, without anything of the message.
func (f *Failure) Error() string {
	text := "mail: " + f.During + " failed"
	if f.Code != 0 {
		text += fmt.Sprintf(" with %d", f.Code)
	}
	if f.Enhanced != "" {
		text += " " + f.Enhanced
	}
	if f.Hint != "" {
		text += ": " + f.Hint
	}
	return text
}

// Temporary tells whether to try again: everything but a refusal of this very message.
func Temporary(err error) bool {
	f, found := errors.AsType[*Failure](err)
	return !found || f.Temporary
}

// failure keeps of an error what says nothing of the message: servers repeat addresses in their answers.
func failure(ctx context.Context, during string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f := &Failure{Temporary: true, During: during}
	if sent, found := errors.AsType[*gomail.SendError](err); found {
		f.Code, f.Enhanced = sent.ErrorCode(), sent.EnhancedStatusCode()
		f.Temporary = f.Code < 500 // no answer at all counts as 0
		switch sent.Reason {
		case gomail.ErrSMTPRcptTo:
			f.During = "recipient's address"
		case gomail.ErrSMTPMailFrom:
			// The server refuses the sender: that is a mistake here, not of this message.
			f.During, f.Temporary, f.Hint = "sender's address", true, "the server does not send for the address of From: check it, and the user"
		}
		return f
	}
	var unknown x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var invalid x509.CertificateInvalidError
	var network net.Error
	switch text := err.Error(); {
	case errors.As(err, &unknown), errors.As(err, &wrongHost), errors.As(err, &invalid):
		f.During, f.Hint = "encrypt", "the server's certificate is not accepted: check the host, and the authority that it is from"
	case strings.Contains(text, "535") || strings.Contains(strings.ToLower(text), "auth"):
		f.During, f.Hint = "sign in", "the server does not accept user and password, or no way to sign in that is safe"
	case strings.Contains(strings.ToLower(text), "starttls"):
		f.During, f.Hint = "encrypt", "the server does not offer STARTTLS"
	case errors.As(err, &network) && network.Timeout():
		f.Hint = "the server does not answer in time"
	}
	return f
}

// Next is how long to wait after the attempt of that number, counted from 1, has failed for a time; false gives up. All together it is
// three days, so that a server's bad weekend loses nothing.
func Next(attempt int) (time.Duration, bool) {
	waits := [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour}
	if attempt < 1 || attempt > len(waits) {
		return 0, false
	}
	return waits[attempt-1], true
}

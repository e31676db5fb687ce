package host

import (
	"path"
	"slices"
	"strings"
)

// SSHD is what an SSH server is told.
type SSHD struct {
	// Matches are the blocks that hold for some sign-ins only.
	Matches []SSHDMatch
	options map[string][]string
}

// SSHDMatch is a block that holds for the sign-ins that its condition names.
type SSHDMatch struct {
	Condition string
	options   map[string][]string
}

// sshdFile is where the server begins to read, sshdDebian what stands there when nobody wrote another: the folder first,
// of which the first value of each option counts.
const (
	sshdFile   = "/etc/ssh/sshd_config"
	sshdDebian = "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\nX11Forwarding yes\nPrintMotd no\n" +
		"AcceptEnv LANG LC_*\nSubsystem sftp /usr/lib/openssh/sftp-server\n"
)

// listed are the options of which every line counts.
var sshdListed = []string{"acceptenv", "allowgroups", "allowusers", "denygroups", "denyusers", "hostkey", "listenaddress", "port", "setenv", "subsystem"}

// ReadSSHD reads what a machine's SSH server is told, with the files that are included.
func ReadSSHD(files Files) SSHD {
	c := SSHD{options: map[string][]string{}}
	main, placed := files[sshdFile]
	if !placed {
		main.Content = sshdDebian
	}
	c.read(files, main.Content, 0)
	return c
}

func (c *SSHD) read(files Files, text string, depth int) {
	into := c.options
	for _, line := range lines(text, "#") {
		keyword, rest, _ := strings.Cut(strings.Replace(line, "=", " ", 1), " ")
		keyword, rest = strings.ToLower(keyword), strings.Trim(strings.TrimSpace(rest), `"`)
		switch keyword {
		case "include":
			for _, pattern := range strings.Fields(rest) {
				if !path.IsAbs(pattern) {
					pattern = "/etc/ssh/" + pattern
				}
				for _, name := range files.Matching(pattern) {
					if depth < 16 { // as deep as the server goes
						c.read(files, files[name].Content, depth+1)
					}
				}
			}
		case "match":
			c.Matches = append(c.Matches, SSHDMatch{Condition: rest, options: map[string][]string{}})
			into = c.Matches[len(c.Matches)-1].options
		default:
			if slices.Contains(sshdListed, keyword) {
				into[keyword] = append(into[keyword], strings.Fields(rest)...)
			} else if into[keyword] == nil {
				into[keyword] = []string{rest}
			}
		}
	}
}

// Value is what an option is set to for everybody; "" where it is not set.
func (c SSHD) Value(option string) string {
	return strings.Join(c.options[strings.ToLower(option)], " ")
}

// Values are the words that an option lists for everybody.
func (c SSHD) Values(option string) []string {
	return strings.FieldsFunc(c.Value(option), func(r rune) bool { return r == ' ' || r == ',' })
}

// Value is what an option is set to for those whom the block is about.
func (m SSHDMatch) Value(option string) string {
	return strings.Join(m.options[strings.ToLower(option)], " ")
}

// Always tells whether an option has a value for everybody and no block says otherwise.
func (c SSHD) Always(option, value string) bool {
	return strings.EqualFold(c.Value(option), value) && !slices.ContainsFunc(c.Matches, func(m SSHDMatch) bool {
		other := m.Value(option)
		return other != "" && !strings.EqualFold(other, value)
	})
}

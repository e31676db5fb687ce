package host

// Generated are the secrets that a machine may make for itself, where nobody gives them: what only it has to know.
func Generated() []string { return []string{"application-key", "backup-key", "backup-passphrase"} }

// Questions explain the settings and secrets of bundles to whoever has to answer them on a machine, a line each.
func Questions() map[string]string {
	return map[string]string{
		"application-key":   "The key that TaskFlow seals secrets with: base64 of 32 random bytes. Left out, the machine makes one; moved to a new machine, bring the old one's.",
		"backup-access-key": "The access key of the bucket that backups are copied to.",
		"backup-key":        "What TaskFlow's own backups are encrypted with, 40 random letters or more. Left out, the machine makes one.",
		"backup-passphrase": "What backups in the bucket are encrypted with. Left out, the machine makes one; without it nobody can read them.",
		"backup-secret-key": "The secret key of the bucket that backups are copied to.",
		"certificate":       "The certificate of the service's host name with its chain, PEM. Usually @/path/of/the/file.",
		"certificate-key":   "The private key of that certificate, PEM, without a password. Usually @/path/of/the/file.",
		"database-password": "The password of the database's user.",
		"disk-a":            "The first disk of the mirror, below /dev/disk/by-id.",
		"disk-b":            "The second disk of the mirror, below /dev/disk/by-id.",
		"mail-password":     "The password of the mail server's user, for alerts and TaskFlow's mails.",
		"slack-webhook":     "The URL of the Slack channel's webhook, for alerts.",
		"sms-token":         "The token of the SMS gateway, for alerts.",
	}
}

package backup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent/apitoken"
	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/ent/link"
	"github.com/berth-iac/berth/app/ent/outgoingmail"
	"github.com/berth-iac/berth/app/ent/providergrant"
	"github.com/berth-iac/berth/app/ent/user"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/store"
)

// settle makes of the past a present: nobody is signed in, nothing is sent twice, nothing is open that may have been closed since.
func (r *restore) settle(ctx context.Context) error {
	c, now := r.tx.Client(), store.Moment(r.target.Now())
	if err := r.reseal(ctx); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"end the sessions", func() error { _, err := c.Session.Delete().Exec(ctx); return err }},
		{"revoke the tokens", func() error {
			return c.APIToken.Update().Where(apitoken.RevokedAtIsNil()).SetRevokedAt(now).Exec(ctx)
		}},
		{"remove links that reset passwords", func() error {
			_, err := c.Link.Delete().Where(link.KindEQ(link.KindReset)).Exec(ctx)
			return err
		}},
		{"end the invitations", func() error { // some may have been taken back since; administrators send them again
			return c.Link.Update().Where(link.UsedAtIsNil(), link.ExpiresAtGT(now)).SetExpiresAt(now).Exec(ctx)
		}},
		{"close the provider's grants", func() error {
			return c.ProviderGrant.Update().Where(providergrant.ClosedAtIsNil(), providergrant.EndsAtGT(now)).SetClosedAt(now).Exec(ctx)
		}},
		{"keep mails from being sent again", func() error {
			return c.OutgoingMail.Update().Where(outgoingmail.StateEQ(outgoingmail.StateWaiting)).
				SetState(outgoingmail.StateFailed).SetLastError("not sent: a backup was restored").Exec(ctx)
		}},
		{"empty the mails", func() error { return c.OutgoingMail.Update().SetBody([]byte{}).Exec(ctx) }},
		{"mark files that are gone", func() error {
			for part := range slices.Chunk(r.gone, pageRows) {
				if err := c.Attachment.Update().Where(attachment.StorageKeyIn(part...)).
					SetState(attachment.StateRemoved).SetRemovedAt(now).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return audit.Append(ctx, r.tx, audit.Entry{
		At: now, ActorKind: audit.System, ActorName: r.target.By, Action: "client.restored", Target: "backup " + r.sum.ID,
		Detail: map[string]string{
			"from": r.sum.Client, "made": r.sum.Made.Format(time.RFC3339), "release": r.sum.Release, "rows": fmt.Sprint(r.sum.Rows), "files": fmt.Sprint(r.sum.Files),
		},
	})
}

// reseal opens what is sealed with the backup's keys, and seals it for the client that it now belongs to.
func (r *restore) reseal(ctx context.Context) error {
	old, err := seal.New(r.sum.Client, r.keys...)
	if err != nil {
		return damaged("its keys cannot be used: %w", err)
	}
	people, err := r.tx.User.Query().Where(user.TotpSecretNotNil()).Select(user.FieldID, user.FieldTotpSecret).All(ctx)
	if err != nil {
		return fmt.Errorf("read what is sealed: %w", err)
	}
	for _, one := range people {
		if len(one.TotpSecret) == 0 {
			continue
		}
		about := "users.totp_secret/" + one.ID.String() // as accounts seals it
		secret, err := old.Open(one.TotpSecret, about)
		if err != nil {
			return fmt.Errorf("the second factor of user %s does not open with the backup's keys: %w", one.ID, err)
		}
		if r.target.Keys == nil {
			continue
		}
		if err := r.tx.User.UpdateOneID(one.ID).SetTotpSecret(r.target.Keys.Seal(secret, about)).Exec(ctx); err != nil {
			return fmt.Errorf("seal a second factor again: %w", err)
		}
	}
	return nil
}

package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// leastWindow is the window that every client in production has, in days.
const leastWindow = 7

// pointInTime is the look at BK-4.
func pointInTime(ctx context.Context, l *look) error {
	return errors.Join(l.wantThere(ctx), databaseWindows(ctx, l), clusterWindows(ctx, l), versionsKept(ctx, l))
}

func (l *look) window() int { return max(l.subject.Client().Database.PointInTimeDays, leastWindow) }

func databaseWindows(ctx context.Context, l *look) error {
	databases, err := l.keptDatabases(ctx, l.home)
	if err != nil {
		return err
	}
	own, err := l.dbAutomatedBackups(ctx, l.home)
	if err != nil {
		return err
	}
	for _, db := range databases {
		o := dbObject(db)
		l.wantDays(o, "backupRetentionPeriod", db.BackupRetentionPeriod)
		l.wantProtected(o, db.DeletionProtection)
		l.want(o, aws.ToBool(db.CopyTagsToSnapshot), "copyTagsToSnapshot", aws.ToBool(db.CopyTagsToSnapshot), "true: a snapshot says whose data it holds", fixByUpdate)
		earliest := time.Time{}
		for _, b := range own {
			if aws.ToString(b.DBInstanceArn) == aws.ToString(db.DBInstanceArn) && b.RestoreWindow != nil {
				earliest = aws.ToTime(b.RestoreWindow.EarliestTime)
			}
		}
		l.wantWindow(o, "restoreWindow.earliestTime", earliest, db.LatestRestorableTime, db.InstanceCreateTime)
		if l.second == "" {
			continue
		}
		if err := windowAbroad(ctx, l, db); err != nil {
			return err
		}
	}
	return nil
}

func windowAbroad(ctx context.Context, l *look, db rdstypes.DBInstance) error {
	copied, err := l.replicatedTo(ctx, db)
	if err != nil {
		return err
	}
	if copied == nil {
		l.want(dbObject(db), false, "", "no replication of its backups to "+l.second, "the whole window in "+l.second+" too", fixByUpdate)
		return nil
	}
	o := object{rdsReplicas, aws.ToString(copied.DBInstanceAutomatedBackupsArn)}
	l.wantDays(o, "retentionPeriod", copied.BackupRetentionPeriod)
	window := copied.RestoreWindow
	if window == nil {
		window = &rdstypes.RestoreWindow{}
	}
	l.wantWindow(o, "restoreWindow.earliestTime", aws.ToTime(window.EarliestTime), window.LatestTime, db.InstanceCreateTime)
	return nil
}

func clusterWindows(ctx context.Context, l *look) error {
	clusters, err := l.documentClusters(ctx, l.home)
	for _, c := range clusters {
		o := clusterObject(c)
		l.wantDays(o, "backupRetentionPeriod", c.BackupRetentionPeriod)
		l.wantProtected(o, c.DeletionProtection)
		l.wantWindow(o, "earliestRestorableTime", aws.ToTime(c.EarliestRestorableTime), c.LatestRestorableTime, c.ClusterCreateTime)
	}
	return err
}

func (l *look) wantDays(o object, property string, days *int32) {
	l.want(o, int(aws.ToInt32(days)) >= l.window(), property, aws.ToInt32(days), fmt.Sprintf("at least %d, the days of the window", l.window()), fixByUpdate)
}

// wantProtected reports whether something cannot be deleted by mistake. Who leaves is not protected any more.
func (l *look) wantProtected(o object, protected *bool) {
	if l.subject.Production() && !l.subject.Leaving() {
		l.want(o, aws.ToBool(protected), "deletionProtection", aws.ToBool(protected), "true: nobody deletes it by mistake", fixByUpdate)
	}
}

// wantWindow reports whether what there is of backups reaches from the window's first second to now. A database that is younger
// than its window can be restored from its first backup on, and the window is not shown yet.
func (l *look) wantWindow(o object, property string, earliest time.Time, latest, created *time.Time) {
	const fix = "see RDS's events of the database; what is gone does not come back, later backups fill the window again"
	whole := time.Duration(l.window()) * day
	due := l.after(created, whole+day) // the first backup may be a day younger than the database
	young := l.subject.Now.Before(due)
	switch {
	case earliest.IsZero() && l.subject.Now.Before(l.after(created, firstAbroad)):
		l.tooEarly("%s: its first backup is being made, the whole window is due at %s", l.called(o), due.UTC().Format(time.RFC3339))
	case young && !earliest.IsZero() && earliest.Before(l.after(created, day)):
		l.tooEarly("%s can be restored to any second since %s; the window of %d days is full at %s", l.called(o), earliest.UTC().Format(time.RFC3339), l.window(), due.UTC().Format(time.RFC3339))
	default:
		reaches := !earliest.IsZero() && l.subject.Now.Sub(earliest) >= whole-time.Hour // the oldest hour may be leaving just now
		l.want(o, reaches, property, l.agoOf(timeOrNil(earliest)), fmt.Sprintf("%d days ago or earlier", l.window()), fix)
	}
	if latest == nil && l.subject.Now.Before(l.after(created, firstAbroad)) {
		return // said with the first backup
	}
	fresh := latest != nil && l.subject.Now.Sub(*latest) <= time.Hour // how fresh exactly is BK-3
	l.want(o, fresh, "latestRestorableTime", l.agoOf(latest), "within the last hour: the window reaches to now", fix)
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// versionsKept reports whether attachments and backups that are overwritten can be had back.
func versionsKept(ctx context.Context, l *look) error {
	for _, region := range l.regions() {
		files, backups, err := l.personalBuckets(ctx, region)
		if err != nil {
			return err
		}
		for _, b := range append(files, backups...) {
			if err := wantVersioned(ctx, l, b); err != nil {
				return err
			}
		}
	}
	return nil
}

package space

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/berth-iac/berth/app/fault"
)

// RedisOptions say where Redis is.
type RedisOptions struct {
	Address string // host:port
	// TLS is nil for a connection in the clear, which belongs on this machine only.
	TLS *tls.Config
	// Credentials gives user and password for every new connection, so that a token that lasts minutes works, as those of
	// ElastiCache with IAM do. nil is none.
	Credentials func(ctx context.Context) (user, password string, err error)
	PoolSize    int           // connections at most; 0 is 20
	Timeout     time.Duration // of connecting, and of one answer; 0 is a second
}

// Redis keeps values in a Redis or Valkey server, 6.2 or later, where they outlive this process and are shared by several. While the
// server is away every call fails with fault.Unavailable in about the timeout; it recovers by itself.
type Redis struct{ client *redis.Client }

// NewRedis makes one for the process. It does not connect yet: see Ping.
func NewRedis(o RedisOptions) (*Redis, error) {
	if o.Address == "" {
		return nil, fault.BadInput("address", "Redis has no address", "give host:port")
	}
	if o.PoolSize <= 0 {
		o.PoolSize = 20
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	// On its own the library writes lines of text to the process's stderr; every error of it is returned from here.
	redis.SetLogger(&logging.VoidLogger{})
	return &Redis{client: redis.NewClient(&redis.Options{
		Addr: o.Address, TLSConfig: o.TLS, CredentialsProviderContext: o.Credentials,
		PoolSize: o.PoolSize, MaxActiveConns: o.PoolSize, PoolTimeout: o.Timeout,
		DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, ContextTimeoutEnabled: true,
		DialerRetries: 1,
		// A counter that was counted must not be counted again because the answer was lost.
		MaxRetries: -1,
		// IAM ends a connection after 12 hours.
		ConnMaxLifetime: 6 * time.Hour, ConnMaxIdleTime: 10 * time.Minute,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}, nil
}

// Close closes all connections.
func (r *Redis) Close() error {
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("close the connections to Redis: %w", err)
	}
	return nil
}

// full is a key as Redis has it. A prefix has no colon, so none begins as another does.
func (k key) full() string { return k.prefix + ":" + k.name }

func away(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled): // whoever asked has gone
		return ctx.Err()
	default:
		return fault.Away("the cache", err)
	}
}

func (r *Redis) get(ctx context.Context, k key) ([]byte, bool, error) {
	return found(ctx, r.client.Get(ctx, k.full()))
}

func (r *Redis) pop(ctx context.Context, k key) ([]byte, bool, error) {
	return found(ctx, r.client.GetDel(ctx, k.full()))
}

func found(ctx context.Context, answer *redis.StringCmd) ([]byte, bool, error) {
	value, err := answer.Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	return value, err == nil, away(ctx, err)
}

func (r *Redis) set(ctx context.Context, k key, value []byte, ttl time.Duration) error {
	return away(ctx, r.client.Do(ctx, "SET", k.full(), value, "PX", ttl.Milliseconds()).Err())
}

func (r *Redis) setIfAbsent(ctx context.Context, k key, value []byte, ttl time.Duration) (bool, error) {
	err := r.client.Do(ctx, "SET", k.full(), value, "PX", ttl.Milliseconds(), "NX").Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, away(ctx, err)
}

func (r *Redis) remove(ctx context.Context, keys []key) error {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.full()
	}
	return away(ctx, r.client.Del(ctx, names...).Err())
}

// The scripts run as one step each. They take the time from the server, so that processes with different clocks agree.
var (
	incrementScript = redis.NewScript(`
if ARGV[1] == '0' then return tonumber(redis.call('GET', KEYS[1]) or '0') end
local n = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return n`)

	// Tokens are in millionths and times in microseconds: both stay whole numbers below 2^53.
	takeScript = redis.NewScript(`
local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1] or '') or burst, tonumber(kept[2] or '') or now
if now > at then tokens = tokens + (now - at) / 1000000 * rate; at = now end
if tokens > burst then tokens = burst end
local ok, wait = 0, 0
if tokens >= cost then tokens = tokens - cost; ok = 1 else wait = (cost - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', string.format('%.0f', at))
local full = math.min((burst - tokens) / rate + 1, tonumber(ARGV[4]))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(full * 1000)))
return {ok, string.format('%.9f', tokens), string.format('%.9f', wait)}`)

	addScript = redis.NewScript(`
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', tonumber(last[2]) - now))
return 1`)

	membersScript = redis.NewScript(`
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')`)
)

func (r *Redis) increment(ctx context.Context, k key, by int64, ttl time.Duration) (int64, error) {
	n, err := incrementScript.Run(ctx, r.client, []string{k.full()}, by, ttl.Milliseconds()).Int64()
	return n, away(ctx, err)
}

func (r *Redis) take(ctx context.Context, k key, rate Rate, cost float64) (Taken, error) {
	answer, err := takeScript.Run(ctx, r.client, []string{k.full()}, rate.PerSecond, rate.Burst, cost, MaxTTL.Seconds()).Slice()
	if err != nil {
		return Taken{}, away(ctx, err)
	}
	if len(answer) != 3 {
		return Taken{}, fault.Away("the cache", fmt.Errorf("it gave %d values for a bucket", len(answer)))
	}
	left, err1 := strconv.ParseFloat(fmt.Sprint(answer[1]), 64)
	wait, err2 := strconv.ParseFloat(fmt.Sprint(answer[2]), 64)
	if err := errors.Join(err1, err2); err != nil {
		return Taken{}, fault.Away("the cache", fmt.Errorf("read a bucket: %w", err))
	}
	taken := Taken{OK: fmt.Sprint(answer[0]) == "1", Remaining: left}
	if !taken.OK {
		taken.RetryAfter = seconds(wait)
	}
	return taken, nil
}

func (r *Redis) add(ctx context.Context, k key, member string, ttl time.Duration) error {
	return away(ctx, addScript.Run(ctx, r.client, []string{k.full()}, member, ttl.Milliseconds()).Err())
}

func (r *Redis) drop(ctx context.Context, k key, member string) error {
	return away(ctx, r.client.ZRem(ctx, k.full(), member).Err())
}

func (r *Redis) members(ctx context.Context, k key) ([]string, error) {
	all, err := membersScript.Run(ctx, r.client, []string{k.full()}).StringSlice()
	slices.Sort(all)
	return all, away(ctx, err)
}

func (r *Redis) clear(ctx context.Context, prefix string) error {
	// Prefixes have no character that means something in a pattern.
	for each := r.client.Scan(ctx, 0, prefix+":*", 500).Iterator(); ; {
		var some []string
		for len(some) < 500 && each.Next(ctx) {
			some = append(some, each.Val())
		}
		if len(some) == 0 {
			return away(ctx, each.Err())
		}
		if err := r.client.Unlink(ctx, some...).Err(); err != nil {
			return away(ctx, err)
		}
	}
}

func (r *Redis) ping(ctx context.Context) error { return away(ctx, r.client.Ping(ctx).Err()) }

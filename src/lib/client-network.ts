import { isIP } from 'node:net';

const GROUPS = 8;
/** What one customer is given (RFC 6177): whoever has one address of it has all. */
const NETWORK_GROUPS = 4;

/** As some proxies write it, with the port behind: `1.2.3.4:5678`, `[2001:db8::1]:5678`. */
const WITH_PORT = /^(?:(\d+(?:\.\d+){3}):\d+|\[([^\]]+)\](?::\d+)?)$/;

/**
 * What stands for one client where clients are counted: an IPv4 address, also one that is written within IPv6, or the /64
 * of an IPv6 one. All that is no address is one client.
 */
export function networkOf(text: string | null): string {
  const [, v4, v6] = WITH_PORT.exec(text ?? '') ?? [];
  const [address = ''] = (v4 ?? v6 ?? text ?? '').split('%');
  const version = isIP(address);
  if (version === 4) return address;
  if (version !== 6) return 'unknown';
  const groups = groupsOf(address);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return bytesOf(groups.slice(6)).join('.');
  return `${groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight numbers of an IPv6 address. The URL parser writes each in hexadecimal, also those of an IPv4 ending. */
function groupsOf(address: string): number[] {
  const [before = [], after = []] = new URL(`http://[${address}]`).hostname
    .slice(1, -1)
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: GROUPS - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
}

const bytesOf = (groups: readonly number[]): number[] => groups.flatMap((group) => [group >> 8, group & 0xff]);

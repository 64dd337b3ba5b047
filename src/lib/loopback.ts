import { BlockList, isIP } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether an address is this machine's own (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), an IPv4 one within IPv6 too. */
export function isLoopbackAddress(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && LOOPBACK.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/** Whether a host is this machine by its name: `localhost`, what lies below it (RFC 6761 §6.3), or such an address. */
export const isLoopbackName = (host: string): boolean =>
  /^(?:.+\.)?localhost$/i.test(host) || isLoopbackAddress(host.replace(/^\[(.*)\]$/, '$1'));

/** Reports whether an origin is a web page that any program of this machine can serve. */
export const isLoopbackOrigin = (origin: string): boolean => /^https?:/.test(origin) && isLoopbackName(new URL(origin).hostname);

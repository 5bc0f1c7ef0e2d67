// Lost sound is asked for again where both descriptions name it.

export function withNack(sdp) {
  return sdp.replace(/^a=rtpmap:(\d+) opus\/48000\/2\r\n/gim, (line, number) => `${line}a=rtcp-fb:${number} nack\r\n`);
}

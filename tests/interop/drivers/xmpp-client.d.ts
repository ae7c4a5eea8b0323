// The part of @xmpp/client that the interop tests use; the package has no types of its own.
declare module '@xmpp/client' {
  export interface XmlElement {
    name: string;
    attrs: Record<string, string | undefined>;
    children: (XmlElement | string)[];
    is(name: string, xmlns?: string): boolean;
    getChild(name: string, xmlns?: string): XmlElement | undefined;
    getChildren(name: string, xmlns?: string): XmlElement[];
    getChildText(name: string, xmlns?: string): string | null;
    getNS(): string;
    text(): string;
  }
  export function xml(
    name: string,
    attrs?: Record<string, string | undefined>,
    ...children: (XmlElement | string | undefined)[]
  ): XmlElement;
  export interface XmppClient {
    jid: { toString(): string } | null;
    status: string;
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
    send(element: XmlElement): Promise<void>;
    on(event: 'stanza' | 'nonza', listener: (element: XmlElement) => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    on(event: 'online' | 'offline' | 'disconnect', listener: () => void): void;
    once(event: 'online', listener: () => void): void;
    iqCaller: { request(element: XmlElement, timeout?: number): Promise<XmlElement> };
    streamManagement: { on(event: 'resumed' | 'ack' | 'fail', listener: (element?: XmlElement) => void): void; enabled: boolean };
    reconnect: { delay: number; stop(): void };
  }
  export function client(options: { service: string; domain: string; resource?: string; username: string; password: string }): XmppClient;
}

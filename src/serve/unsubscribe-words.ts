/** What the pages for readers say, in the languages they speak. */

/** The languages, as in an attribute `lang`. */
export type Language = "en" | "ko" | "de" | "fr" | "es" | "pt" | "ja" | "zh-Hans" | "zh-Hant";

/** The texts of one language. `{sender}`, `{address}` and `{list}` stand for the three. */
export interface Words {
  ask: string;
  /** About all mailings. What begins with `list` is about one list. */
  question: string;
  listQuestion: string;
  button: string;
  listButton: string;
  /** Offers to leave everything besides the list. */
  everything: string;
  everythingButton: string;
  done: string;
  stopped: string;
  listStopped: string;
  /** What still comes after everything was left. */
  except: string;
  mistake: string;
  again: string;
  back: string;
  resumed: string;
  listResumed: string;
  /** For an address that gets no mail for a reason that its reader cannot take back. */
  blocked: string;
  otherReason: string;
  unknown: string;
  cutOff: string;
  /** For a mail that was removed. */
  gone: string;
  newest: string;
}

/** The texts by language. */
export const WORDS: Readonly<Record<Language, Words>> = {
  en: {
    ask: "Unsubscribe",
    question: "Stop mail from {sender} to {address}?",
    listQuestion: "Stop mail of the list {list} from {sender} to {address}?",
    button: "Unsubscribe",
    listButton: "Unsubscribe from {list}",
    everything: "You can also stop all mailings at once.",
    everythingButton: "Unsubscribe from everything",
    done: "You are unsubscribed",
    stopped: "{sender} will send no more mail to {address}.",
    listStopped: "{sender} will send no more mail of the list {list} to {address}.",
    except: "Mail that only you are waiting for, such as a receipt, still arrives.",
    mistake: "Was this a mistake?",
    again: "Subscribe again",
    back: "You are subscribed again",
    resumed: "{sender} may send mail to {address} again.",
    listResumed: "{sender} may send mail of the list {list} to {address} again.",
    blocked: "This address gets no mail",
    otherReason: "{sender} does not write to {address} for another reason. Please ask the sender.",
    unknown: "This link is not valid",
    cutOff: "It may have been cut off. Please copy the whole address from the mail.",
    gone: "This mail is no longer known here",
    newest:
      "Nothing about the mail with this link is kept here. If you still get mail from this sender, use the link in the newest mail.",
  },
  ko: {
    ask: "수신 거부",
    question: "{sender}에서 {address} 주소로 보내는 메일을 더 이상 받지 않으시겠습니까?",
    listQuestion: "{sender}에서 {address} 주소로 보내는 {list} 메일을 더 이상 받지 않으시겠습니까?",
    button: "수신 거부",
    listButton: "{list} 수신 거부",
    everything: "다른 메일까지 한꺼번에 거부할 수도 있습니다.",
    everythingButton: "모든 메일 수신 거부",
    done: "수신 거부되었습니다",
    stopped: "{sender}에서 {address} 주소로 더 이상 메일을 보내지 않습니다.",
    listStopped: "{sender}에서 {address} 주소로 더 이상 {list} 메일을 보내지 않습니다.",
    except: "영수증처럼 직접 요청하신 메일은 계속 받습니다.",
    mistake: "실수로 누르셨나요?",
    again: "다시 받기",
    back: "다시 메일을 받습니다",
    resumed: "{sender}에서 {address} 주소로 다시 메일을 보낼 수 있습니다.",
    listResumed: "{sender}에서 {address} 주소로 다시 {list} 메일을 보낼 수 있습니다.",
    blocked: "이 주소로는 메일을 보내지 않습니다",
    otherReason: "다른 이유로 {sender}에서 {address} 주소로 메일을 보내지 않습니다. 보낸 사람에게 문의해 주세요.",
    unknown: "유효하지 않은 링크입니다",
    cutOff: "주소가 잘렸을 수 있습니다. 메일에 있는 주소 전체를 복사해 주세요.",
    gone: "더 이상 보관하지 않는 메일입니다",
    newest:
      "이 링크가 있던 메일에 대한 정보가 여기에 남아 있지 않습니다. 이 보낸 사람의 메일을 계속 받고 계시면 가장 최근 메일에 있는 링크를 이용해 주세요.",
  },
  de: {
    ask: "Abmelden",
    question: "Keine Mails mehr von {sender} an {address}?",
    listQuestion: "Keine Mails der Liste {list} mehr von {sender} an {address}?",
    button: "Abmelden",
    listButton: "Von {list} abmelden",
    everything: "Sie können auch alle Rundmails auf einmal abbestellen.",
    everythingButton: "Von allem abmelden",
    done: "Sie sind abgemeldet",
    stopped: "{sender} schickt keine Mails mehr an {address}.",
    listStopped: "{sender} schickt keine Mails der Liste {list} mehr an {address}.",
    except: "Mails, auf die nur Sie warten, etwa eine Rechnung, kommen weiterhin an.",
    mistake: "War das ein Versehen?",
    again: "Wieder anmelden",
    back: "Sie sind wieder angemeldet",
    resumed: "{sender} darf wieder Mails an {address} schicken.",
    listResumed: "{sender} darf wieder Mails der Liste {list} an {address} schicken.",
    blocked: "An diese Adresse gehen keine Mails",
    otherReason: "{sender} schreibt aus einem anderen Grund nicht an {address}. Bitte wenden Sie sich an den Absender.",
    unknown: "Dieser Link ist ungültig",
    cutOff: "Vielleicht wurde er abgeschnitten. Bitte kopieren Sie die ganze Adresse aus der Mail.",
    gone: "Diese Mail kennen wir nicht mehr",
    newest:
      "Von der Mail mit diesem Link ist hier nichts mehr gespeichert. Wenn Sie noch Mails dieses Absenders bekommen, nehmen Sie bitte den Link in der neuesten.",
  },
  fr: {
    ask: "Se désabonner",
    question: "Ne plus recevoir de messages de {sender} à l’adresse {address} ?",
    listQuestion: "Ne plus recevoir de messages de la liste {list} de {sender} à l’adresse {address} ?",
    button: "Se désabonner",
    listButton: "Se désabonner de {list}",
    everything: "Vous pouvez aussi arrêter tous les envois d’un coup.",
    everythingButton: "Se désabonner de tout",
    done: "Désabonnement confirmé",
    stopped: "{sender} n’enverra plus de messages à {address}.",
    listStopped: "{sender} n’enverra plus de messages de la liste {list} à {address}.",
    except: "Les messages que vous attendez personnellement, comme un reçu, arriveront toujours.",
    mistake: "C’était une erreur ?",
    again: "Se réabonner",
    back: "Réabonnement confirmé",
    resumed: "{sender} peut à nouveau envoyer des messages à {address}.",
    listResumed: "{sender} peut à nouveau envoyer des messages de la liste {list} à {address}.",
    blocked: "Cette adresse ne reçoit pas de messages",
    otherReason: "{sender} n’écrit pas à {address} pour une autre raison. Veuillez contacter l’expéditeur.",
    unknown: "Ce lien n’est pas valide",
    cutOff: "Il a peut-être été coupé. Veuillez copier l’adresse entière depuis le message.",
    gone: "Nous ne connaissons plus ce message",
    newest:
      "Rien n’est conservé ici du message qui contient ce lien. Si vous recevez encore des messages de cet expéditeur, utilisez le lien du plus récent.",
  },
  es: {
    ask: "Cancelar la suscripción",
    question: "¿Dejar de recibir correos de {sender} en {address}?",
    listQuestion: "¿Dejar de recibir correos de la lista {list} de {sender} en {address}?",
    button: "Cancelar la suscripción",
    listButton: "Cancelar la suscripción a {list}",
    everything: "También puede cancelar todos los envíos a la vez.",
    everythingButton: "Cancelar todas las suscripciones",
    done: "Suscripción cancelada",
    stopped: "{sender} no enviará más correos a {address}.",
    listStopped: "{sender} no enviará más correos de la lista {list} a {address}.",
    except: "Los correos que solo usted espera, como un recibo, seguirán llegando.",
    mistake: "¿Fue un error?",
    again: "Volver a suscribirme",
    back: "Suscripción reactivada",
    resumed: "{sender} puede volver a enviar correos a {address}.",
    listResumed: "{sender} puede volver a enviar correos de la lista {list} a {address}.",
    blocked: "Esta dirección no recibe correos",
    otherReason: "{sender} no escribe a {address} por otro motivo. Póngase en contacto con el remitente.",
    unknown: "Este enlace no es válido",
    cutOff: "Puede que esté cortado. Copie la dirección completa del correo.",
    gone: "Ya no conocemos este correo",
    newest:
      "Aquí no se conserva nada del correo que contiene este enlace. Si todavía recibe correos de este remitente, use el enlace del más reciente.",
  },
  pt: {
    ask: "Cancelar a inscrição",
    question: "Deixar de receber mensagens de {sender} em {address}?",
    listQuestion: "Deixar de receber mensagens da lista {list} de {sender} em {address}?",
    button: "Cancelar a inscrição",
    listButton: "Cancelar a inscrição em {list}",
    everything: "Você também pode parar todos os envios de uma vez.",
    everythingButton: "Cancelar todas as inscrições",
    done: "Inscrição cancelada",
    stopped: "{sender} não enviará mais mensagens para {address}.",
    listStopped: "{sender} não enviará mais mensagens da lista {list} para {address}.",
    except: "As mensagens que só você aguarda, como um recibo, continuarão chegando.",
    mistake: "Foi um engano?",
    again: "Inscrever-me de novo",
    back: "Inscrição reativada",
    resumed: "{sender} pode voltar a enviar mensagens para {address}.",
    listResumed: "{sender} pode voltar a enviar mensagens da lista {list} para {address}.",
    blocked: "Este endereço não recebe mensagens",
    otherReason: "{sender} não escreve para {address} por outro motivo. Entre em contato com o remetente.",
    unknown: "Este link não é válido",
    cutOff: "Ele pode ter sido cortado. Copie o endereço inteiro da mensagem.",
    gone: "Já não conhecemos esta mensagem",
    newest:
      "Nada é guardado aqui da mensagem com este link. Se ainda recebe mensagens deste remetente, use o link da mais recente.",
  },
  ja: {
    ask: "配信停止",
    question: "{sender} から {address} へのメール配信を停止しますか？",
    listQuestion: "{sender} から {address} への「{list}」のメール配信を停止しますか？",
    button: "配信を停止する",
    listButton: "「{list}」の配信を停止する",
    everything: "すべての配信をまとめて停止することもできます。",
    everythingButton: "すべての配信を停止する",
    done: "配信を停止しました",
    stopped: "今後、{sender} から {address} にメールは届きません。",
    listStopped: "今後、{sender} から {address} に「{list}」のメールは届きません。",
    except: "領収書など、ご自身が待っているメールは引き続き届きます。",
    mistake: "間違えましたか？",
    again: "もう一度購読する",
    back: "購読を再開しました",
    resumed: "{sender} から {address} に再びメールが届きます。",
    listResumed: "{sender} から {address} に再び「{list}」のメールが届きます。",
    blocked: "このアドレスにはメールが届きません",
    otherReason: "別の理由により、{sender} から {address} へのメールは停止されています。送信者にお問い合わせください。",
    unknown: "このリンクは無効です",
    cutOff: "リンクが途中で切れている可能性があります。メール内のアドレス全体をコピーしてください。",
    gone: "このメールの情報はもうありません",
    newest:
      "このリンクが記載されたメールの情報は保存されていません。この送信者からのメールがまだ届く場合は、最新のメールにあるリンクをご利用ください。",
  },
  "zh-Hans": {
    ask: "退订",
    question: "不再接收 {sender} 发送到 {address} 的邮件？",
    listQuestion: "不再接收 {sender} 发送到 {address} 的“{list}”邮件？",
    button: "退订",
    listButton: "退订“{list}”",
    everything: "您也可以一次退订所有群发邮件。",
    everythingButton: "全部退订",
    done: "您已退订",
    stopped: "{sender} 将不再向 {address} 发送邮件。",
    listStopped: "{sender} 将不再向 {address} 发送“{list}”邮件。",
    except: "只有您在等待的邮件（例如收据）仍会送达。",
    mistake: "点错了吗？",
    again: "重新订阅",
    back: "您已重新订阅",
    resumed: "{sender} 可以再次向 {address} 发送邮件。",
    listResumed: "{sender} 可以再次向 {address} 发送“{list}”邮件。",
    blocked: "此地址不会收到邮件",
    otherReason: "由于其他原因，{sender} 不向 {address} 发送邮件。请联系发件人。",
    unknown: "此链接无效",
    cutOff: "链接可能不完整。请从邮件中复制完整的地址。",
    gone: "我们已没有这封邮件的记录",
    newest: "这里没有保存包含此链接的邮件的任何信息。如果您仍收到该发件人的邮件，请使用最新邮件中的链接。",
  },
  "zh-Hant": {
    ask: "取消訂閱",
    question: "不再接收 {sender} 寄到 {address} 的郵件？",
    listQuestion: "不再接收 {sender} 寄到 {address} 的「{list}」郵件？",
    button: "取消訂閱",
    listButton: "取消訂閱「{list}」",
    everything: "您也可以一次取消訂閱所有群發郵件。",
    everythingButton: "全部取消訂閱",
    done: "您已取消訂閱",
    stopped: "{sender} 將不再寄送郵件到 {address}。",
    listStopped: "{sender} 將不再寄送「{list}」郵件到 {address}。",
    except: "只有您在等待的郵件（例如收據）仍會送達。",
    mistake: "按錯了嗎？",
    again: "重新訂閱",
    back: "您已重新訂閱",
    resumed: "{sender} 可以再次寄送郵件到 {address}。",
    listResumed: "{sender} 可以再次寄送「{list}」郵件到 {address}。",
    blocked: "此地址不會收到郵件",
    otherReason: "由於其他原因，{sender} 不會寄送郵件到 {address}。請聯絡寄件者。",
    unknown: "此連結無效",
    cutOff: "連結可能不完整。請從郵件中複製完整的地址。",
    gone: "我們已沒有這封郵件的紀錄",
    newest: "這裡沒有保存包含此連結的郵件的任何資訊。如果您仍收到該寄件者的郵件，請使用最新郵件中的連結。",
  },
};

/** The most characters of a header that are read. */
const MOST_READ = 500;
/** Chinese is written in traditional characters there, and where a tag says so. */
const TRADITIONAL = /^zh-(?:.*-)?(?:hant|tw|hk|mo)\b/;

/**
 * The language for an `accept-language` header (RFC 9110 §12.5.4): of those we speak, the one with the highest weight,
 * and of several the first. English, when there is none.
 */
export function languageOf(acceptLanguage: string | undefined): Language {
  let best: { language: Language; weight: number } = { language: "en", weight: 0 };
  for (const range of (acceptLanguage ?? "").slice(0, MOST_READ).split(",")) {
    const [, tag = "", q = "1"] = /^\s*([a-z]+(?:-[a-z0-9-]+)?)\s*(?:;\s*q\s*=\s*([\d.]+)\s*)?$/i.exec(range) ?? [];
    const language = spoken(tag.toLowerCase());
    const weight = Number(q);
    if (language !== null && weight > best.weight) best = { language, weight };
  }
  return best.language;
}

function spoken(tag: string): Language | null {
  const [primary = ""] = tag.split("-");
  if (primary === "zh") return TRADITIONAL.test(tag) ? "zh-Hant" : "zh-Hans";
  return Object.hasOwn(WORDS, primary) ? (primary as Language) : null;
}

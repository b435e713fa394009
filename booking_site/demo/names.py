"""Common given and family names of many languages and scripts, to be combined at random."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Culture:
    """``language`` is a BCP 47 tag. ``weight`` is how many of 100 or so patients have such a name. ``family`` may be
    empty: people with a single name."""

    language: str
    weight: int
    given: tuple[str, ...]
    family: tuple[str, ...]


def _culture(language: str, weight: int, given: str, family: str) -> Culture:
    """Names are separated by spaces; an underscore stands for a space inside a name."""

    def names(text: str) -> tuple[str, ...]:
        return tuple(name.replace("_", " ") for name in text.split())

    return Culture(language, weight, names(given), names(family))


# The first are the ones that the hospital's own people come from.
STAFF = 4
CULTURES = (
    _culture(
        "pt-PT",
        30,
        "Inês Beatriz Leonor Catarina Conceição Graça Sofia Mafalda Luísa Marta Rita Júlia Teresa Matilde João Tomás "
        "Gonçalo Simão Duarte André Afonso Vítor Hélder Nuno Rui Estêvão Joaquim Sebastião Ana_Rita José_Maria",
        "Almeida Araújo Magalhães Conceição Gonçalves Leitão Fagundes Bettencourt Medeiros Furtado Quintão Sá Brandão "
        "Falcão Câmara Pacheco Vilaça Seabra Noronha Serrão Teles Valadão da_Cunha dos_Anjos d'Ávila Sousa-Prado "
        "Melo_e_Castro de_Sá_Nogueira Botelho Resende",
    ),
    _culture(
        "en",
        9,
        "Grace Hannah Imogen Siobhan Niamh Aoife Freya Martha Oliver Callum Ewan Declan Rhys Owen Miles Jude",
        "Ashdown Birtwhistle Fairweather Holloway O'Shaughnessy O'Dwyer MacAllister Fitz-Gibbon Penhaligon Thackery "
        "Llewellyn-Price Hartnell Whitlock Ravenscroft St._Clair McKinnon",
    ),
    _culture(
        "fr",
        6,
        "Hélène Zoé Chloé Maëlys Françoise Anaïs Océane Noémie Loïc Étienne Jérôme Gaël François Benoît Anne-Laure",
        "Lefèvre Bélanger Guérin Châtelain L'Hermitte d'Aubigné Bœuf Desprès Garçon Piétri Le_Goff Mérieux Saint-Yves "
        "Thévenet Vasseur-Pons Mauléon",
    ),
    _culture(
        "de",
        6,
        "Jürgen Günther Käthe Bärbel Sören Björn Annegret Heike Matthias Ulrike Lieselotte Jörg Wiebke Hans-Dieter",
        "Müllerhoff Schäfer Grünwald Weiß Größler Brückner Köhler von_der_Heide Tönnies Lütjens Vogelsang Überall "
        "Meyer-Lüders Strauß",
    ),
    _culture(
        "es",
        5,
        "Íñigo Begoña Nuria Álvaro Lucía Joaquín Martín Ángela Ramón Rocío Candela Iván Belén Ismael",
        "Núñez_Peña Ibáñez Muñoz_Rey Cañizares Ordóñez Zúñiga Larrañaga Peñalver Güell Arístegui Castaño Vélez Oñate",
    ),
    _culture(
        "pl",
        4,
        "Łucja Żaneta Małgorzata Stanisław Władysław Zbigniew Agnieszka Grażyna Święcisław Bożena Jędrzej Michał",
        "Wójcik Źrebiec Dąbek Śliwka Łącz Gąsior Żuraw Ćwikła Brzęczyk Późniak Jaźwiec Węgrzyn",
    ),
    _culture(
        "vi",
        3,
        "Thị_Hương Văn_Đức Ngọc_Ánh Quốc_Bảo Thu_Hằng Minh_Tuấn Thảo_Nguyên Hữu_Phước Kim_Oanh Đình_Khôi",
        "Nguyễn Trần Phạm Huỳnh Võ Đặng Bùi Đỗ Hồ Lý",
    ),
    _culture(
        "tr",
        3,
        "Ayşe Gülşen Çağla İbrahim Oğuz Şule Ümit Işıl Yiğit Özlem Tuğçe Doğan",
        "Yıldızlı Çelikkol Şahinoğlu Öztaş Güneşli Kılıçer Aydoğdu İnceoğlu Uçar Gökçe",
    ),
    _culture(
        "is",
        2,
        "Þórdís Ragnheiður Sæunn Ásgeir Björgvin Guðrún Ævar Örn Hólmfríður Sigþór",
        "Blöndal Hjaltalín Ísfeld Ölfjörð Þormar Sædal Víkingur Eldjárn-Fjeld",
    ),
    _culture(
        "ru",
        4,
        "Алёна Людмила Фёдор Екатерина Юрий Святослав Жанна Наталья Ярослав Эльвира Артём",
        "Черных Седых Долгих Щербак-Белых Ёлкиных Коваль Рыжих Живых Шварц Гончаренко",
    ),
    _culture(
        "uk",
        4,
        "Їванна Олексій Євгенія Ґалина Святослав Дар'я Мар'яна Ігор Зоряна Юхим",
        "Гнатюк Підгорних Ковалів Їжакевич Щербань В'юн Лук'яненко Чорновол-Малик Ґудзь Заєць",
    ),
    _culture(
        "el",
        3,
        "Άννα Γεώργιος Ελένη Κωνσταντίνος Ευφροσύνη Θεόδωρος Ιωάννα Ξένια Σπύρος Φωτεινή",
        "Παπαϊωάννου Αγγελίδης Μαυρομιχάλη Κουρής Χατζηλία Ζαΐμης Ψαράς Ωραιοπούλου Τσιρίδης Ράπτης",
    ),
    _culture(
        "ar",
        4,
        "فاطمة محمد_أمين ليلى عبد_الرحيم نور خديجة يوسف سلمى طارق هبة",
        "الحدّاد القرشي بن_سالم النجّار الصبّاغ العطّار أبو_زيد الخيّاط منصوري الزهراني",
    ),
    _culture(
        "he",
        3,
        "נועה אברהם רות יעל משה תמר אליהו מיכל צבי שירה",
        "כרמלי בן-עמי הר-זהב גולן אבני ז'בוטין צור לביא ארז שדה",
    ),
    _culture(
        "hi",
        4,
        "आरती विक्रम मीनाक्षी ऋषि श्रद्धा कृष्ण प्रिया ज्ञानेश लक्ष्मी ओंकार",
        "शर्मा त्रिपाठी मिश्र चौधरी भट्ट सक्सेना जोशी पाण्डेय क्षत्रिय वर्मा",
    ),
    _culture(
        "zh-Hans", 5, "秀英 伟 丽华 建国 小红 子轩 雨桐 志强 思远 龘 晓峰 梦洁", "王 李 张 刘 欧阳 司马 诸葛 赵 黄 𠮷田"
    ),
    _culture(
        "ja",
        3,
        "美咲 健太郎 さくら 翔 ひなた 一郎 葵 蓮 ユキ 千尋 ハルカ ケンジ",
        "髙橋 渡邊 佐々木 斎藤 山﨑 小鳥遊 五十嵐 東海林 青木 月見里",
    ),
    _culture("ko", 3, "서연 민준 지우 하은 도윤 수빈 예준 은지 현우 다은", "김 이 박 최 남궁 황보 정 강 조 제갈"),
    _culture(
        "th",
        3,
        "สมชาย มาลี ณัฐพล กุลธิดา ปิยะ น้ำฝน อรทัย วิชัย จันทร์เพ็ญ ธีรเดช",
        "แสงทอง ศรีสุข วงศ์ใหญ่ บุญมี ทองดี ใจงาม รุ่งเรือง สุขเกษม พงษ์ไพร ดาวเรือง",
    ),
    _culture("ka", 1, "ნინო გიორგი თამარ ლევან ქეთევან ზურაბ", "ბერიძე კაპანაძე წიკლაური ჭავჭავა ღვინიაშვილი"),
    _culture("am", 1, "አበበ ሰላም ጥሩነሽ ዮሐንስ ፀሐይ ብርሃን", "ተስፋዬ ገብረ_ሥላሴ ወልደ_ማርያም ደስታ ኃይሉ"),
    _culture("ta", 1, "கவிதா முருகன் செல்வி அருண் மீனா தமிழ்", "சுப்பிரமணியன் இராமசாமி கண்ணன் வேலு ஆறுமுகம்"),
    _culture(
        "yo",
        2,
        "Ọláyínká Adéọlá Títílayọ̀ Babátúndé Ṣadé Fọlákẹ́ Àṣàkẹ́ Kẹ́hìndé",
        "Adébáyọ̀ Ògúnlẹ́yẹ Ọlátúnjí Ṣóbọ́wálé Fájímí Àkàndé",
    ),
    _culture("id", 2, "Sukarsih Wartono Paijem Sumirah Hartoyo Lestariningsih Budiarto Ngatmini", ""),
)
